"""Shuffling a batch over all processes, for the keys' batch statistics (MoCo, section 3.3)."""

from __future__ import annotations

import torch

from leoclr_plugin.data.sampler import rank_and_world
from leoclr_plugin.host import host


class BatchShuffle:
    """A permutation of the batches of all processes, the same in each of them.

    A query and its key are then normalised together with different samples, so the network
    cannot match them by their batch statistics. The number of the step seeds the permutation:
    the processes agree without a message, and a resumed run draws the same permutations.
    """

    def __init__(self, samples: int, step: int) -> None:
        """Draw the permutation.

        Args:
            samples: the number of samples in each process's batch.
            step: the number of the training step.
        """
        rank, world = rank_and_world()
        generator = torch.Generator().manual_seed(step)
        self.order = torch.randperm(world * samples, generator=generator)
        self.own = slice(rank * samples, (rank + 1) * samples)

    @torch.no_grad()
    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Exchange ``batch`` ``[N, ...]`` for this process's part of the shuffled batches."""
        return host().gather(batch)[self.order[self.own].to(batch.device)]

    @torch.no_grad()
    def undo(self, batch: torch.Tensor) -> torch.Tensor:
        """Return what was computed for this process's own samples, in their own order.

        Args:
            batch: what each process computed from its part of the shuffled batches, ``[N, ...]``.
        """
        positions = self.order.argsort()[self.own]
        return host().gather(batch)[positions.to(batch.device)]
