"""Features of very many images: in memory as long as they are small, else in a file."""

from __future__ import annotations

import tempfile

import numpy as np
import torch

from leoclr_plugin.errors import UserError, one_line

# Features of up to this many bytes in float32 stay in memory.
_IN_MEMORY = 2**30
_STORED = torch.float16


class FeatureBank:
    """Collects features batch by batch.

    Up to a GiB they are kept in memory, in float32. Larger ones go into a file in float16, half
    the size, which is mapped into memory: the system reads what is used, and drops it when memory
    is short. The file lies in the folder for temporary files (``TMPDIR``). It has no name, so the
    space is free again when the program ends, however it ends.
    """

    def __init__(self) -> None:
        self._parts: list[torch.Tensor] = []
        self._file = None
        self._rows = self._width = 0

    def add(self, features: torch.Tensor, source: object) -> None:
        """Add the features ``[N, F]`` in float32 of some images.

        Args:
            features: the features.
            source: the checkpoint that made them, for error messages.

        Raises:
            UserError: if the file cannot be written, or a value is too large for it.
        """
        self._rows, self._width = self._rows + len(features), features.shape[1]
        self._parts.append(features)
        if self._file is not None or 4 * self._rows * self._width > _IN_MEMORY:
            self._write(source)

    def _write(self, source: object) -> None:
        try:
            if self._file is None:
                # The mapping needs the file open for longer than a block of code.
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
            for part in self._parts:
                stored = part.to(_STORED)
                if not stored.isfinite().all():
                    raise UserError(
                        f"{source} gives features too large for float16, in which features of "
                        "more than 1 GiB are kept; evaluate fewer images"
                    )
                self._file.write(stored.numpy())
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"the features cannot be written to {tempfile.gettempdir()}: {one_line(error)}; "
                "set TMPDIR to a folder with more room"
            ) from error
        self._parts.clear()

    def features(self) -> torch.Tensor:
        """Return all features ``[M, F]``, in float32, or mapped into memory in float16."""
        if self._file is None:
            return torch.cat(self._parts)
        # The mapping keeps the file's content, also after the file is closed. It is "copy on write"
        # because torch warns of memory that it must not write to.
        shape = (self._rows, self._width)
        return torch.from_numpy(np.memmap(self._file, np.float16, "c", shape=shape))


def is_on_disk(features: tuple[torch.Tensor, torch.Tensor]) -> bool:
    """Return whether features, with their targets, are mapped from a file."""
    return features[0].dtype == _STORED
