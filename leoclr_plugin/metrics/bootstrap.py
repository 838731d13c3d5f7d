"""How much a mean average precision depends on which images it was measured on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_UNKNOWN = -1


def bootstrap_map(
    scores: Mapping[str, np.ndarray], targets: np.ndarray, draws: int = 1000, seed: int = 0
) -> dict[str, np.ndarray]:
    """Measure the mean average precision of several networks on resampled images.

    Each draw takes as many images as there are, with replacement, and the same ones for every
    network. So the draws of two networks can be subtracted: a paired bootstrap.

    Args:
        scores: ``[N, C]`` by network, higher where the class is more likely.
        targets: labels ``[N, C]``: 1, 0, or -1 where it is not known.
        draws: number of draws, D.
        seed: the same seed draws the same images.

    Returns:
        For each network ``[D]`` in percent. Classes that a draw does not show are left out of its
        mean.
    """
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(targets), np.full(len(targets), 1 / len(targets)), size=draws)
    result = {}
    for name, values in scores.items():
        columns = [_precision(values[:, i], targets[:, i], counts) for i in range(targets.shape[1])]
        result[name] = 100 * np.nanmean(np.stack(columns), axis=0)
    return result


def interval(values: np.ndarray, share: float = 0.95) -> tuple[float, float]:
    """The interval that holds the middle ``share`` of the values."""
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _precision(scores: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average precision ``[D]`` of one class; ``counts`` ``[D, N]`` says how often an image is."""
    known = labels != _UNKNOWN
    order = np.flatnonzero(known)[np.argsort(-scores[known], kind="stable")]
    ranked, shown = scores[order], labels[order] == 1
    # Images with equal scores have one rank: its precision counts all of them.
    last = np.searchsorted(-ranked, -ranked, side="right") - 1
    times = counts[:, order].astype(float)
    above = np.cumsum(times, axis=1)[:, last]
    hits = np.cumsum(times * shown, axis=1)[:, last]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(above > 0, hits / above, 0)
        total = (times * shown).sum(axis=1)
        return (precision * times * shown).sum(axis=1) / total
