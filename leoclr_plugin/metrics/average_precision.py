"""Average precision of images that may show several classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torchmetrics.functional.classification import binary_average_precision

_UNKNOWN = -1


def average_precision(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the average precision of each class in percent.

    The images are ranked by their score for the class, and the precision is averaged over the
    images that show the class. There is no interpolation, as in scikit-learn.

    Args:
        scores: ``[N, C]``, any finite numbers; a higher score means that the class is more likely.
        targets: labels ``[N, C]``: 1, 0, or -1 if unknown. Unknown labels are left out.

    Returns:
        ``[C]`` in [0, 100]; NaN for a class that no image shows.

    Raises:
        ValueError: if a score is not finite.
    """
    if not scores.isfinite().all():
        raise ValueError("the scores are not finite, so the images have no ranking")
    precisions = [
        _precision_of_class(column, labels)
        for column, labels in zip(scores.unbind(dim=1), targets.long().unbind(dim=1), strict=True)
    ]
    return torch.stack(precisions)


def _precision_of_class(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if not (labels == 1).any():
        return torch.tensor(torch.nan, dtype=torch.double)
    # torchmetrics applies a sigmoid to scores outside [0, 1], and high scores would become equal.
    # The ranks of the scores are equal only if the scores are.
    _, rank = scores.double().unique(return_inverse=True)
    ranked = rank.double() / len(scores)
    return 100 * binary_average_precision(ranked, labels, ignore_index=_UNKNOWN).double()


def mean_average_precision(precisions: torch.Tensor) -> float:
    """Return the mean of ``average_precision`` over the classes with images, in percent.

    It is NaN if no image shows any class.
    """
    return float(precisions.nanmean())


def map_of(scores: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the mean average precision in percent of scores ``[N, C]`` for labels ``[N, C]``."""
    return mean_average_precision(average_precision(scores, targets))


def precision_by_class(classes: Sequence[str], precisions: torch.Tensor) -> dict[str, float | None]:
    """Return average precisions ``[C]`` by the names of their classes, with None for NaN."""
    return {
        name: None if value.isnan() else round(value.item(), 4)
        for name, value in zip(classes, precisions, strict=True)
    }
