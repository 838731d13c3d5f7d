"""A DataLoader whose order and random draws depend only on the seed, the epoch and the sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.data.images import naming_unreadable_images
from leoclr_plugin.data.sampler import ShardSampler


class SeededItems(Dataset):
    """The items of a data set under keys ``(index, seed)``; the seed determines an item's draws."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        index, seed = key
        # The transforms draw from torch's global generator. Without workers that is also the
        # training's own generator, so its state is restored afterwards.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.dataset[index]


class SeededBatches:
    """The batches of a sampler; each is a list of keys ``(index, seed)``."""

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
    """Batches for one process of the training, the same for any number of workers.

    The batches of an epoch do not depend on earlier epochs, so a resumed run sees what the
    uninterrupted run would have seen.
    """

    def __init__(self, dataset: Dataset, sampler: ShardSampler, workers: int) -> None:
        """Keep the settings.

        Args:
            dataset: a data set whose items torch's default collation can join.
            sampler: gives the batches of an epoch; its seed also determines the draws.
            workers: the number of processes that load; with 0 this process loads.
        """
        super().__init__(
            SeededItems(dataset),
            batch_sampler=SeededBatches(sampler),
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            # torch draws the workers' seeds from this generator instead of the training's own.
            generator=torch.Generator(),
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield an epoch's batches; nothing is read before the first batch is asked for.

        Lightning creates the first iterator of a training before it sets the sampler's epoch.

        Raises:
            UserError: for an unreadable image; it names the first and counts the others.
        """
        with naming_unreadable_images(self.dataset):
            yield from super().__iter__()
