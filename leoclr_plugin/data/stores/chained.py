"""The images of two stores, one after the other."""

from __future__ import annotations

import numpy as np

from leoclr_plugin.data.stores.store import Store


class ChainedStore:
    """The images of ``first``, followed by those of ``second``; see ``Store``. It has no labels."""

    labels = None
    classes: tuple[str, ...] = ()

    def __init__(self, first: Store, second: Store) -> None:
        self._first, self._second = first, second
        self.are_files = first.are_files and second.are_files

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def _place(self, index: int) -> tuple[Store, int]:
        inside = index < len(self._first)
        return (self._first, index) if inside else (self._second, index - len(self._first))

    def name(self, index: int) -> str:
        """Return the name of an image."""
        store, place = self._place(index)
        return store.name(place)

    def read(self, index: int) -> np.ndarray:
        """Return the encoded image."""
        store, place = self._place(index)
        return store.read(place)
