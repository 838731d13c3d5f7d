"""Images in tar shards with WebDataset's layout, read in any order by means of an index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from leoclr_plugin.data.images import unreadable
from leoclr_plugin.data.stores.names import Names
from leoclr_plugin.data.stores.store import number
from leoclr_plugin.data.stores.tar_index import index_of
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.terminal import tell


class TarStore:
    """The images of shards, see ``Store``."""

    are_files = False

    def __init__(
        self, shards: Sequence[Path], image_key: str | None, label_key: str | None, labelled: bool
    ) -> None:
        """Read the indexes of all shards, or make them.

        Args:
            shards: the shards in their order.
            image_key: see ``index_of``.
            label_key: see ``index_of``.
            labelled: whether each image has a label.

        Raises:
            UserError: see ``index_of``; and if there is no image, or one has no label and labels
                are asked for.
        """
        bar = tqdm(shards, desc="Indexing shards", leave=False, disable=None, delay=2)
        parts = [index_of(shard, image_key, label_key) for shard in bar]
        self._shards = [str(shard) for shard in shards]
        sizes = [len(part.names) for part in parts]
        self._starts = np.cumsum([0, *sizes])[:-1]
        self._places = np.concatenate([part.places for part in parts])
        self._sizes = np.concatenate([part.sizes for part in parts])
        self._names = Names.joined([part.names for part in parts])
        for shard, part in zip(shards, parts, strict=True):
            count, first = part.left_out
            if count:
                tell(
                    f"Left out of {shard}: {count} entries without an image (the first is {first})",
                )
        if not len(self):
            hint = f"; data.image_key={image_key} may be wrong" if image_key else ""
            raise UserError(f"{shards[0]} holds no image{hint}; name shards with images")
        self.labels, self.classes = None, ()
        if labelled:
            known: dict[str, int] = {}
            codes = []
            for part in parts:
                new = [known.setdefault(text, len(known)) for text in part.texts]
                codes.append(np.array([*new, -1])[part.codes])
            joined = np.concatenate(codes)
            missing = np.flatnonzero(joined < 0)
            if len(missing):
                raise UserError(
                    f"{len(missing)} of {len(self)} images have no file .{label_key or 'cls'} with "
                    f"their label, the first is {self.name(int(missing[0]))}; name another ending "
                    "with data.label_key, or set data.no_labels=True"
                )
            self.labels, self.classes = number(list(known), joined)

    def __len__(self) -> int:
        return len(self._names)

    def _shard(self, index: int) -> str:
        return self._shards[int(np.searchsorted(self._starts, index, "right")) - 1]

    def name(self, index: int) -> str:
        """Return the path of the shard and the name of the image in it."""
        return f"{self._shard(index)}/{self._names[index]}"

    def read(self, index: int) -> np.ndarray:
        """Return an encoded image."""
        content = np.empty(self._sizes[index], np.uint8)
        try:
            # A file of its own for each image needs no lock, and no limit on open shards.
            shard = os.open(self._shard(index), os.O_RDONLY)
            try:
                read = os.preadv(shard, [content], int(self._places[index]))
            finally:
                os.close(shard)
        except OSError as error:
            raise unreadable(self.name(index), one_line(error)) from error
        if read < len(content):
            raise unreadable(self.name(index), "the shard has been cut off since it was opened")
        return content
