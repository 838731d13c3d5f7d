"""Which samples a process sees in an epoch, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.distributed as dist


class ShardSampler:
    """Splits each epoch's order over the processes without repeating or losing a sample.

    torch's ``DistributedSampler`` repeats samples to make the shards equally long. Here only the
    last, smaller batches of a training epoch are dropped, so that all processes make equally
    many steps; another shuffle drops others. In a validation they make equally many as well.
    With ``one_order`` every epoch has the first's, for Lightning's ``overfit_batches``.

    Attributes:
        epoch: set by Lightning through ``set_epoch``; with the seed it gives the order.
        skipped: batches that the next iteration leaves out, of an epoch that was interrupted.
    """

    def __init__(
        self, samples: int, batch_size: int, seed: int, training: bool, one_order: bool = False
    ) -> None:
        self.samples, self.batch_size = samples, batch_size
        self.seed, self.training, self.one_order = seed, training, one_order
        self.epoch = self.skipped = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    @property
    def batches(self) -> int:
        """Batches of this process in an epoch."""
        _, world = rank_and_world()
        whole = self.samples // (world * self.batch_size)
        left_over = not self.training and self.samples % (world * self.batch_size) > 0
        return whole + left_over

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
        # A copy: DALI takes no array with gaps.
        mine = order[rank::world].copy()
        edges = self.batch_size * np.arange(self.batches + 1)
        if not self.training:
            # Of a process that has a sample less than others the last batch might be empty.
            edges[-2:] = min(edges[-2], len(mine) - 1), len(mine)
        for i in range(first, self.batches):
            yield mine[edges[i] : edges[i + 1]]


def sampler_of(loader: Any) -> ShardSampler:
    """The sampler of one of our loaders, where Lightning finds it to tell it the epoch."""
    return loader.batch_sampler.sampler


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are: 0 and 1 where training is not distributed."""
    if dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def processes(cfg: Any) -> int:
    """How many processes a settled configuration trains with."""
    return len(cfg.devices) * cfg.get("num_nodes", 1)
