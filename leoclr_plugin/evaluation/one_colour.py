"""One colour for images that show several classes, for plots that have one for each class."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from leoclr_plugin.data.loaders import Loader


class OneColour:
    """The batches of a loader, with a number for each image in place of its labels ``[N, C]``.

    An image that shows one class has the number of its column; one that shows several has C, and
    one that shows none has C + 1.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.dataset = loader.dataset

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[list[torch.Tensor]]:
        for images, labels in self.loader:
            yield [images, one_colour(labels)]


def one_colour(labels: torch.Tensor) -> torch.Tensor:
    """Numbers ``[N]`` of the images with ``labels`` ``[N, C]``, as in ``OneColour``."""
    shown = labels == 1
    count, classes = shown.sum(dim=1), labels.shape[1]
    single = shown.int().argmax(dim=1)
    return torch.where(count == 1, single, torch.where(count > 1, classes, classes + 1))
