"""A single number for each image with several labels, for plots with one colour per class."""

from __future__ import annotations

import torch


def one_colour(labels: torch.Tensor) -> torch.Tensor:
    """Replace the labels of each image by one number.

    Args:
        labels: ``[N, C]``; 1 means that the image shows the class.

    Returns:
        int64 of shape ``[N]``: the class's column if the image shows one class, C if it shows
        several, and C + 1 if it shows none.
    """
    shown = labels == 1
    count, classes = shown.sum(dim=1), labels.shape[1]
    single = shown.int().argmax(dim=1)
    return torch.where(count == 1, single, torch.where(count > 1, classes, classes + 1))
