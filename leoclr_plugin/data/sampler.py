"""The sampler: it decides which samples a process sees in an epoch, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
import torch.distributed as dist


class ShardSampler:
    """Splits each epoch's order over the processes and repeats no sample.

    torch's ``DistributedSampler`` repeats samples to make the shards equally long. Here a training
    epoch drops its last, incomplete batches, so that all processes make the same number of steps;
    each epoch's shuffle drops other samples. A validation drops nothing, and all processes make
    the same number of steps as well. With ``one_order`` every epoch has the order of the first,
    for Lightning's ``overfit_batches``.

    Attributes:
        epoch: the epoch, which Lightning sets through ``set_epoch``. It determines the order
            together with the seed.
        skipped: the number of batches that the next iteration leaves out, because an interrupted
            epoch has seen them already.
    """

    def __init__(
        self, samples: int, batch_size: int, seed: int, training: bool, one_order: bool = False
    ) -> None:
        self.samples, self.batch_size = samples, batch_size
        self.seed, self.training, self.one_order = seed, training, one_order
        self.epoch = self.skipped = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    @property
    def batches(self) -> int:
        """The number of this process's batches in an epoch."""
        _, world = rank_and_world()
        complete = self.samples // (world * self.batch_size)
        has_incomplete = not self.training and self.samples % (world * self.batch_size) > 0
        return complete + has_incomplete

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the sample indexes, int64, of each batch."""
        first, self.skipped = self.skipped, 0
        yield from self.batches_of(self.epoch, first)

    def batches_of(self, epoch: int, first: int = 0) -> Iterator[np.ndarray]:
        """Yield the sample indexes, int64, of an epoch's batches from ``first`` on."""
        rank, world = rank_and_world()
        order = np.arange(self.samples)
        if self.training:
            shuffle = 0 if self.one_order else epoch
            generator = torch.Generator().manual_seed(self.seed + shuffle)
            order = torch.randperm(self.samples, generator=generator).numpy()
        # The copy makes the array contiguous, as DALI requires.
        shard = order[rank::world].copy()
        edges = self.batch_size * np.arange(self.batches + 1)
        if not self.training:
            # A process may have one sample less than the others, and its last batch would then be
            # empty. The last batch therefore always gets at least one sample.
            edges[-2:] = min(edges[-2], len(shard) - 1), len(shard)
        for i in range(first, self.batches):
            yield shard[edges[i] : edges[i + 1]]

    def batches_from(self, epoch: int, first: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield an epoch's batches from ``first`` on, then the epochs that follow it.

        A validation has the same batches in every epoch, so it ends after one.

        Yields:
            The epoch, the number of the batch in it, and the sample indexes.
        """
        for number in count(epoch) if self.training else [epoch]:
            for i, indexes in enumerate(self.batches_of(number, first), start=first):
                yield number, i, indexes
            first = 0


def sampler_of(loader: Any) -> ShardSampler:
    """Return the sampler of one of our loaders, from where Lightning finds it to set the epoch."""
    return loader.batch_sampler.sampler


def rank_and_world() -> tuple[int, int]:
    """Return this process's rank and the number of processes: 0 and 1 without distribution."""
    if dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def processes(cfg: Any) -> int:
    """Return the number of processes that a settled configuration trains with."""
    return len(cfg.devices) * cfg.get("num_nodes", 1)
