"""A single number for each image with several labels, for plots with one colour per class."""

from __future__ import annotations

from collections.abc import Sequence

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


def coloured(targets: torch.Tensor, classes: Sequence[str]) -> tuple[torch.Tensor, list[str]]:
    """Return one number for each image, and what each number means.

    Args:
        targets: the classes of the images ``[N]``, or their labels ``[N, C]``.
        classes: the names of the classes.
    """
    if targets.dim() == 1:
        return targets, list(classes)
    return one_colour(targets), [*classes, "several classes", "no class"]
