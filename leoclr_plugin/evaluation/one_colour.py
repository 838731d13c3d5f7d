"""One colour for images that show several classes, for plots that have one for each class."""

from __future__ import annotations

import torch


def one_colour(labels: torch.Tensor) -> torch.Tensor:
    """A number for each image in place of its labels.

    Args:
        labels: ``[N, C]``: 1 where the image shows the class.

    Returns:
        ``[N]`` int64: the column of the only class that the image shows, C where it shows several
        and C + 1 where it shows none.
    """
    shown = labels == 1
    count, classes = shown.sum(dim=1), labels.shape[1]
    single = shown.int().argmax(dim=1)
    return torch.where(count == 1, single, torch.where(count > 1, classes, classes + 1))
