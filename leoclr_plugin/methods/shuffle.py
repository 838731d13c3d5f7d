"""Shuffling of a batch over all processes, for the keys' batch statistics (MoCo, section 3.3)."""

from __future__ import annotations

import torch

from leoclr_plugin.data.sampler import rank_and_world
from leoclr_plugin.host import host


class BatchShuffle:
    """A permutation of the batches of all processes, the same in each of them.

    A query and its key then have their batch statistics of different samples, and cannot be
    matched by them. Drawn from the step's number, so that no process has to tell the others, and
    a resumed run draws the same.
    """

    def __init__(self, samples: int, step: int) -> None:
        """Draw it.

        Args:
            samples: of each process's batch.
            step: of the training.
        """
        rank, world = rank_and_world()
        generator = torch.Generator().manual_seed(step)
        self.order = torch.randperm(world * samples, generator=generator)
        self.own = slice(rank * samples, (rank + 1) * samples)

    @torch.no_grad()
    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """This process's part of the shuffled batches, of its ``batch`` ``[N, ...]``."""
        return host().gather(batch)[self.order[self.own].to(batch.device)]

    @torch.no_grad()
    def undo(self, batch: torch.Tensor) -> torch.Tensor:
        """Of what was computed from shuffled samples, the part of this process's own samples."""
        back = self.order.argsort()[self.own]
        return host().gather(batch)[back.to(batch.device)]
