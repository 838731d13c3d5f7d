"""What repeated measurements come to."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float]) -> dict[str, float]:
    """The ``median`` of at least one value, and the least and largest, ``min`` and ``max``."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def ratio_spread(values: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """``spread`` of each value by the other one that was measured in the same round.

    Raises:
        ValueError: where there are not as many of both.
    """
    return spread([a / b for a, b in zip(values, others, strict=True)])
