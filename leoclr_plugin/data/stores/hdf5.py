"""Images in an HDF5 file with solo-learn's layout: a group for each class, encoded images in it."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from leoclr_plugin.data.images import unreadable
from leoclr_plugin.data.stores.names import Names
from leoclr_plugin.errors import UserError, one_line

_CACHE = 1 << 20  # bytes
# A small damaged file can promise any number of bytes.
_MOST_BYTES = 1 << 30
# A damaged file can raise almost any kind of error in HDF5's library.
_DAMAGE = (AttributeError, OSError, KeyError, RuntimeError, TypeError, ValueError)
_LAYOUT = "write it with solo-learn's convert_imgfolder_to_h5.py"


class Hdf5Store:
    """The images of one HDF5 file, see ``Store``.

    solo-learn's ``convert_imgfolder_to_h5.py`` writes such files. HDF5's library reads for one
    thread at a time, which is little beside decoding.
    """

    are_files = False

    def __init__(self, path: Path, labelled: bool) -> None:
        """List the images in the order of their classes and names.

        Raises:
            UserError: if h5py is not installed, the file is missing or no HDF5 file, or it has no
                groups of encoded images.
        """
        if find_spec("h5py") is None:
            raise UserError('reading HDF5 needs h5py; run: pip install "leoclr-plugin[h5]"')
        import h5py

        self._path, self._lock = path, threading.Lock()
        if not path.is_file():
            raise UserError(f"the HDF5 file {path} is not there; check the path")
        try:
            # Locks are only needed beside a writer, and some network drives refuse them.
            self._file = h5py.File(path, "r", locking=False)
        except OSError as error:
            raise UserError(
                f"{path} is no HDF5 file, or damaged: {one_line(error)}; write it again"
            ) from error
        _limit_cache(self._file)
        sizes: list[int] = []
        try:
            groups = sorted(
                name for name in self._file if self._file.get(name, getclass=True) is h5py.Group
            )
            if not groups:
                there = ", ".join(list(self._file)[:3]) or "nothing"
                raise UserError(f"{path} has no group for each class, it has {there}; {_LAYOUT}")
            # One group's names at a time become texts of Python.
            self._names = Names.of(name for group in groups for name in self._listed(group, sizes))
        except _DAMAGE as error:
            raise UserError(f"{path} is damaged: {one_line(error)}; write it again") from error
        self.classes: tuple[str, ...] = tuple(groups) if labelled else ()
        self._groups, self._starts = groups, np.cumsum([0, *sizes[:-1]])
        self.labels = np.repeat(np.arange(len(groups)), sizes) if labelled else None

    def _listed(self, group: str, sizes: list[int]) -> list[str]:
        """Return the sorted names of a group's images, and add their number to ``sizes``."""
        entries = self._file[group]
        names = sorted(entries)
        if not names:
            raise UserError(f"{self._path}: the group {group} has no image; {_LAYOUT}")
        first = entries[names[0]]
        if getattr(first, "dtype", None) != np.uint8 or first.ndim != 1:
            raise UserError(
                f"{self._path}: {group}/{names[0]} is no encoded image, which is one row of "
                f"uint8; {_LAYOUT}"
            )
        sizes.append(len(names))
        return names

    def __len__(self) -> int:
        return len(self._names)

    def _key(self, index: int) -> str:
        group = self._groups[int(np.searchsorted(self._starts, index, "right")) - 1]
        return f"{group}/{self._names[index]}"

    def name(self, index: int) -> str:
        """Return the path of the file, the class and the image's name."""
        return f"{self._path}/{self._key(index)}"

    def read(self, index: int) -> np.ndarray:
        """Return an encoded image."""
        try:
            with self._lock:
                stored = self._file[self._key(index)]
                if stored.external or stored.is_virtual or stored.file != self._file:
                    raise ValueError("its bytes lie in another file")
                if stored.size > _MOST_BYTES:
                    raise ValueError(f"it promises {stored.size} bytes")
                return np.ascontiguousarray(stored[()], np.uint8)
        except _DAMAGE as error:
            raise unreadable(self.name(index), one_line(error)) from error


def _limit_cache(file: Any) -> None:
    """Limit what HDF5 keeps of the groups it has listed.

    By default this grows to 32 MiB, and three times as much in the process, but reading images in
    random order from 1,000 groups is no faster with it.
    """
    config = file.id.get_mdc_config()
    config.set_initial_size = True
    config.max_size = config.initial_size = _CACHE
    config.min_size = min(config.min_size, _CACHE)
    file.id.set_mdc_config(config)
