"""Average precision of images that may show several classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torchmetrics.functional.classification import binary_average_precision

_UNKNOWN = -1


def average_precision(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Average precision of each class, in percent.

    The images are ranked by their score for the class; the precision is averaged over the images
    that show it (torchmetrics, without interpolation, as in scikit-learn).

    Args:
        scores: ``[N, C]``, higher where the class is more likely; any finite numbers.
        targets: labels ``[N, C]``: 1, 0, or -1 where it is not known. Such pairs are left out.

    Returns:
        ``[C]`` in [0, 100]; NaN for a class that no image shows.

    Raises:
        ValueError: for scores that are not finite.
    """
    if not scores.isfinite().all():
        raise ValueError("the scores are not finite, so the images have no ranking")
    precisions = [
        _of_one_class(column, labels)
        for column, labels in zip(scores.unbind(dim=1), targets.long().unbind(dim=1), strict=True)
    ]
    return torch.stack(precisions)


def _of_one_class(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if not (labels == 1).any():
        return torch.tensor(torch.nan, dtype=torch.double)
    # torchmetrics takes scores outside [0, 1] through a sigmoid, which would make ties of high
    # ones. The rank of a score has no ties but the score's own.
    _, rank = scores.double().unique(return_inverse=True)
    ranked = rank.double() / len(scores)
    return 100 * binary_average_precision(ranked, labels, ignore_index=_UNKNOWN).double()


def mean_average_precision(precisions: torch.Tensor) -> float:
    """Mean of ``average_precision`` over the classes that some image shows, in percent.

    NaN where no image shows any class.
    """
    return float(precisions.nanmean())


def map_of(scores: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean average precision in percent of ``scores`` ``[N, C]`` for labels ``[N, C]``."""
    return mean_average_precision(average_precision(scores, targets))


def precision_by_class(classes: Sequence[str], precisions: torch.Tensor) -> dict[str, float | None]:
    """Average precisions ``[C]`` under the names of their classes; None in place of NaN."""
    return {
        name: None if value.isnan() else round(value.item(), 4)
        for name, value in zip(classes, precisions, strict=True)
    }
