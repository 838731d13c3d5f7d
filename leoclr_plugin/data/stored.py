"""The data set of all images that are read from a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Dataset, Subset

from leoclr_plugin.data.decode import decode
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.stores.store import Store

NO_CLASS = -1


class Images(Dataset):
    """Images of a store, or some of them, and what they show.

    Attributes:
        store: holds the encoded images.
        targets: the class of each image ``[N]`` int64, -1 without one; or its labels ``[N, C]``
            int8 if it may show several classes: 1, 0, or -1 for an unknown label.
        classes: the names of the classes.
    """

    def __init__(
        self,
        store: Store,
        targets: np.ndarray | None = None,
        classes: Sequence[str] = (),
        chosen: np.ndarray | None = None,
    ) -> None:
        """Keep the images.

        Args:
            store: holds the encoded images.
            targets: see the attribute; None for images without classes.
            classes: the names of the classes.
            chosen: the index in the store of each image; None for all.
        """
        self.store, self.classes, self._chosen = store, tuple(classes), chosen
        self.targets = np.full(len(self), NO_CLASS) if targets is None else targets

    @property
    def several_labels(self) -> bool:
        """Whether an image may show several classes."""
        return self.targets.ndim == 2

    @property
    def samples(self) -> list[tuple[str, np.integer | np.ndarray]]:
        """A list of the pairs (name, target); for a few images, because it takes much memory."""
        return list(zip(self.names, self.targets, strict=True))

    @property
    def names(self) -> Iterator[str]:
        """The names of all images in order."""
        return map(self.name, range(len(self)))

    def __len__(self) -> int:
        return len(self.store) if self._chosen is None else len(self._chosen)

    def take(self, indexes: Sequence[int] | np.ndarray) -> Images:
        """Return the data set of some of the images, in the order of ``indexes``."""
        chosen = np.asarray(indexes, np.int64)
        targets = self.targets[chosen]
        if self._chosen is not None:
            chosen = self._chosen[chosen]
        return Images(self.store, targets, self.classes, chosen)

    def place(self, index: int) -> int:
        """Return the index of an image in the store."""
        return int(index if self._chosen is None else self._chosen[index])

    def name(self, index: int) -> str:
        """Return the name of an image: the path of its file if ``store.are_files``."""
        return self.store.name(self.place(index))

    def read(self, index: int) -> np.ndarray:
        """Return an encoded image, uint8; raise UnreadableImage if it cannot be read."""
        return self.store.read(self.place(index))

    def decode(self, index: int, levels: Levels | None = None) -> np.ndarray:
        """Return a decoded image; raise UnreadableImage if it cannot be decoded.

        Args:
            index: the image's index.
            levels: see ``data.decode.decode``.
        """
        encoded = None if self.store.are_files else self.read(index)
        return decode(self.name(index), levels, encoded)


def part_of(dataset: Dataset, indexes: Sequence[int]) -> Dataset:
    """Return the data set of some of the images of ``Images`` or of an archive."""
    return dataset.take(indexes) if isinstance(dataset, Images) else Subset(dataset, indexes)
