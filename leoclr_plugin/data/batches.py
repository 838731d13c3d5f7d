"""What the loaders of images have in common, whether threads or DALI make the views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.images import naming_unreadable_images
from leoclr_plugin.data.pairs.build import Pairing
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.data.shown import Shown, images_shown
from leoclr_plugin.data.sources import Source
from leoclr_plugin.data.transfer import to_device
from leoclr_plugin.data.views import View

Batch = list[Any]


@dataclass(eq=False, repr=False)
class Loader:
    """Batches of finished views of the images of a data set.

    When an epoch of training ends, the first batches of the next one are already under way.
    Otherwise each epoch would begin by waiting for its first batch.

    Attributes:
        dataset: the data set that the samples belong to.
        source: gives the images and targets.
        views: the views of each image, in the order of the batch.
        order: gives the batches of an epoch. Its seed and the epoch determine, with the sample's
            index, all random draws.
        collate: makes a batch of indexes ``[n]``, views ``[n, C, H, W]``, targets, and the weights
            of ``Shown`` if there are any.
        pairing: the partners that some views show; None without pairs.
        bad: the images that are left out; None raises an error for the first.
    """

    dataset: Dataset
    source: Source
    views: Sequence[View]
    order: ShardSampler
    collate: Callable[..., Batch]
    pairing: Pairing | None = None
    bad: BadImages | None = None

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """What holds the sampler in the place where Lightning looks for it."""
        return SimpleNamespace(sampler=self.order)

    def __len__(self) -> int:
        return self.order.batches

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one epoch; each has its own tensors.

        Nothing is read before the first batch is asked for: Lightning creates the first iterator of
        a training before it sets the sampler's epoch.

        Raises:
            UserError: for an unreadable image; it names the first and counts the others.
        """
        with naming_unreadable_images(self.dataset, self.source.levels):
            first, self.order.skipped = self.order.skipped, 0
            yield from self._epoch(self.order.epoch, first)

    def _epoch(self, epoch: int, first: int) -> Iterator[Batch]:
        """Yield the batches of an epoch from ``first`` on."""
        raise NotImplementedError

    def _shown(self, epoch: int, indexes: np.ndarray) -> Shown:
        """Return the images that the batch of some samples shows."""
        return images_shown(indexes, self.order.seed, epoch, self.pairing, self.bad)

    def _batch(self, shown: Sequence[Shown], views: list[torch.Tensor]) -> Batch:
        """Return a batch on the device of its views; ``shown`` are its parts."""
        indexes = torch.from_numpy(np.concatenate([part.samples for part in shown]))
        rest = [self.source.targets[indexes]]
        if shown[0].weights is not None:
            rest.append(torch.from_numpy(np.concatenate([part.weights for part in shown])))
        indexes, *rest = (to_device(one, views[0].device) for one in (indexes, *rest))
        return self.collate(indexes, views, *rest)
