"""The summary of repeated measurements."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the ``median`` of at least one value, the smallest ``min`` and the largest ``max``."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def ratio_spread(values: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """Return the ``spread`` of the ratios: each value divided by the other one of its round.

    Raises:
        ValueError: if the numbers of values differ.
    """
    return spread([a / b for a, b in zip(values, others, strict=True)])
