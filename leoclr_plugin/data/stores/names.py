"""Names of many entries in little memory."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence

import numpy as np


class Names:
    """An unchangeable sequence of texts.

    A million texts of Python take about 80 bytes each beside their letters. Here each takes 8, and
    Python's garbage collector has nothing to walk through.
    """

    def __init__(self, letters: np.ndarray, ends: np.ndarray) -> None:
        """Keep the texts.

        Args:
            letters: the bytes of all texts, one after the other, uint8.
            ends: where each text ends in ``letters``, ``[N]`` int64.
        """
        self.letters, self.ends = letters, ends

    @classmethod
    def of(cls, texts: Iterable[str]) -> Names:
        """Keep texts; bytes that are not UTF-8 are kept as Python's file names keep them."""
        letters, ends = bytearray(), array("q")
        for text in texts:
            letters += os.fsencode(text)
            ends.append(len(letters))
        return cls(np.frombuffer(letters, np.uint8), np.frombuffer(ends, np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Names]) -> Names:
        """Return the names of all parts, in order."""
        starts = np.cumsum([0, *(len(part.letters) for part in parts)])
        ends = [part.ends + start for part, start in zip(parts, starts, strict=False)]
        none = np.empty(0, np.int64)
        letters = [np.empty(0, np.uint8), *(part.letters for part in parts)]
        return cls(np.concatenate(letters), np.concatenate([none, *ends]))

    def part(self, start: int, stop: int) -> Names:
        """Return the names from ``start`` to before ``stop``."""
        first = self.ends[start - 1] if start else 0
        letters = self.letters[first : self.ends[stop - 1]] if stop > start else self.letters[:0]
        return Names(letters, self.ends[start:stop] - first)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = self.ends[index - 1] if index else 0
        return os.fsdecode(self.letters[start : self.ends[index]].tobytes())
