"""A DataLoader whose order and draws are a function of seed, epoch and sample alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.data.images import naming_unreadable_images
from leoclr_plugin.data.sampler import ShardSampler


class SeededItems(Dataset):
    """Items of a data set under keys ``(index, seed)``; the seed is that of the item's draws."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        index, seed = key
        # The transforms draw from torch's generator. In the training's own process it is given
        # back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.dataset[index]


class SeededBatches:
    """The batches of a sampler as lists of keys ``(index, seed)``."""

    def __init__(self, sampler: ShardSampler) -> None:
        self.sampler = sampler

    def __len__(self) -> int:
        return self.sampler.batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        rng = np.random.default_rng([self.sampler.seed, self.sampler.epoch])
        seeds = rng.integers(2**63, size=self.sampler.samples)
        for indexes in self.sampler:
            yield list(zip(indexes.tolist(), seeds[indexes].tolist(), strict=True))


class TorchvisionLoader(DataLoader):
    """Batches for one process of the training, whatever the number of worker processes.

    An epoch's batches depend on nothing that went before, so that a run that is resumed sees
    what the uninterrupted one sees.
    """

    def __init__(self, dataset: Dataset, sampler: ShardSampler, workers: int) -> None:
        """Keep the settings.

        Args:
            dataset: of what the default collation makes batches.
            sampler: the batches of an epoch; its seed is that of the draws too.
            workers: processes that load; 0 for this one.
        """
        super().__init__(
            SeededItems(dataset),
            batch_sampler=SeededBatches(sampler),
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            # torch seeds the workers by it; the training's own is left alone.
            generator=torch.Generator(),
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield an epoch's batches, reading nothing before the first is asked for.

        Lightning makes the iterator of a training's first epoch before it tells the sampler
        which epoch that is.

        Raises:
            UserError: for an unreadable image, naming it and counting the others.
        """
        with naming_unreadable_images(self.dataset):
            yield from super().__iter__()
