"""The momentum network (an exponential moving average of parameters) and its schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn


@torch.no_grad()
def initialize_momentum_params(online_net: nn.Module, momentum_net: nn.Module) -> None:
    """Copy the online network's parameters to the momentum network and freeze them there."""
    for online, momentum in zip(online_net.parameters(), momentum_net.parameters(), strict=True):
        momentum.copy_(online)
        momentum.requires_grad_(False)


class MomentumUpdater:
    """The update theta_k <- tau theta_k + (1 - tau) theta_q, where tau follows a cosine.

    Attributes:
        base_tau: tau at the first step, in [0, 1].
        final_tau: tau at the last step, in [base_tau, 1].
        cur_tau: the current tau.

    Raises:
        ValueError: if the two are out of range.
    """

    def __init__(self, base_tau: float = 0.996, final_tau: float = 1.0) -> None:
        if not 0 <= base_tau <= final_tau <= 1:
            raise ValueError(
                f"base_tau={base_tau} and final_tau={final_tau} must satisfy 0 <= base_tau <= "
                "final_tau <= 1"
            )
        self.base_tau, self.final_tau, self.cur_tau = base_tau, final_tau, base_tau

    @torch.no_grad()
    def update(self, online_net: nn.Module, momentum_net: nn.Module) -> None:
        """Move the momentum network's parameters towards the online network's."""
        pairs = zip(online_net.parameters(), momentum_net.parameters(), strict=True)
        for online, momentum in pairs:
            momentum.mul_(self.cur_tau).add_(online, alpha=1 - self.cur_tau)

    def update_tau(self, cur_step: int, max_steps: int) -> None:
        """Set ``cur_tau`` to its value after ``cur_step`` of ``max_steps`` steps."""
        remaining = (math.cos(math.pi * cur_step / max_steps) + 1) / 2
        self.cur_tau = self.final_tau - (self.final_tau - self.base_tau) * remaining


def resume_momentum(method: Any) -> None:
    """Set the last step and tau of a method with a momentum network to those of its checkpoint.

    A checkpoint holds neither. It holds the trainer's number of steps, which gives both.
    """
    method.last_step = method.trainer.global_step
    if method.last_step:
        steps = method.trainer.estimated_stepping_batches
        method.momentum_updater.update_tau(method.last_step, steps)
