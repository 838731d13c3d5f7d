"""Count similarities in ranges that a person can read."""

from __future__ import annotations

import math

import numpy as np

_FINE = 20_000  # bins over [-1, 1]: 0.0001 each
_CENTRES = -1 + (np.arange(_FINE) + 0.5) * 2 / _FINE
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_RANGES = 10
_TAIL = 0.02  # the share of the similarities that one range below the others may hold


class Histogram:
    """Counts of similarities in [-1, 1], which take the same memory for any number of them.

    Attributes:
        counts: the number in each of 20,000 equal bins.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(_FINE, np.int64)

    def add(self, similarities: np.ndarray) -> None:
        """Count some similarities."""
        self.counts += np.bincount(_bins(similarities), minlength=_FINE)

    @property
    def total(self) -> int:
        """The number of similarities."""
        return int(self.counts.sum())

    def edges(self) -> np.ndarray:
        """Return the ends ``[R + 1]`` of at most eleven ranges, which cover all similarities.

        The ranges are equal and end at round numbers. The first one may be wider: it holds at most
        2 % of the similarities.
        """
        present = np.flatnonzero(self.counts)
        if not len(present):
            return np.array([-1.0, 1.0])
        lowest, highest = _CENTRES[present[0]], _CENTRES[present[-1]]
        tail = int(np.searchsorted(np.cumsum(self.counts), _TAIL * self.total, "right"))
        for step in _STEPS:
            first, last = math.floor(_CENTRES[tail] / step), math.ceil(highest / step)
            if last - first <= _RANGES:
                break
        edges = [round(number * step, 4) for number in range(first, last + 1)]
        return np.array(edges if lowest >= edges[0] else [-1.0, *edges])

    def ranges(self) -> list[tuple[float, float, int]]:
        """Return the ends of each range and the number of similarities in it, lowest first."""
        edges = self.edges()
        numbers = np.histogram(_CENTRES, edges, weights=self.counts)[0]
        return [
            (float(low), float(high), int(number))
            for low, high, number in zip(edges, edges[1:], numbers, strict=False)
        ]

    def in_words(self) -> str:
        """Return the numbers in one line, without ranges that are empty."""
        ranges = [(*ends, number) for *ends, number in self.ranges() if number]
        return ", ".join(f"{number} lie {name_of(*ends)}" for *ends, number in ranges)


def name_of(low: float, high: float) -> str:
    """Return a range in words; one that begins at -1 is "below" its end."""
    return f"below {high:g}" if low == -1 else f"from {low:g} to {high:g}"


def range_of(similarities: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the number of the range that each similarity lies in."""
    places = np.searchsorted(edges, _CENTRES[_bins(similarities)], "right") - 1
    return np.clip(places, 0, len(edges) - 2)


def _bins(similarities: np.ndarray) -> np.ndarray:
    # The similarities of a file have six digits, and 0.97 must not fall below 0.97.
    scaled = (np.asarray(similarities, np.float64) + 1) * (_FINE / 2) + 1e-2
    return np.clip(scaled.astype(np.int64), 0, _FINE - 1)
