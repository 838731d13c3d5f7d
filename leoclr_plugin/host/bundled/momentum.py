"""The momentum (exponential moving average) of a network's parameters and its schedule."""

from __future__ import annotations

import math

import torch
from torch import nn


@torch.no_grad()
def initialize_momentum_params(online_net: nn.Module, momentum_net: nn.Module) -> None:
    """Start the momentum network at the online network's parameters, frozen."""
    for online, momentum in zip(online_net.parameters(), momentum_net.parameters(), strict=True):
        momentum.copy_(online)
        momentum.requires_grad_(False)


class MomentumUpdater:
    """theta_k <- tau theta_k + (1 - tau) theta_q, with tau going along a cosine.

    Attributes:
        base_tau: tau at the first step, in [0, 1].
        final_tau: tau at the last step, in [base_tau, 1].
        cur_tau: tau now.
    """

    def __init__(self, base_tau: float = 0.996, final_tau: float = 1.0) -> None:
        if not 0 <= base_tau <= final_tau <= 1:
            raise ValueError(f"0 <= base_tau <= final_tau <= 1, not {base_tau} and {final_tau}")
        self.base_tau, self.final_tau, self.cur_tau = base_tau, final_tau, base_tau

    @torch.no_grad()
    def update(self, online_net: nn.Module, momentum_net: nn.Module) -> None:
        """Move the momentum network's parameters towards the online network's."""
        pairs = zip(online_net.parameters(), momentum_net.parameters(), strict=True)
        for online, momentum in pairs:
            momentum.mul_(self.cur_tau).add_(online, alpha=1 - self.cur_tau)

    def update_tau(self, cur_step: int, max_steps: int) -> None:
        """Set ``cur_tau`` for the step after ``cur_step`` of ``max_steps``."""
        remaining = (math.cos(math.pi * cur_step / max_steps) + 1) / 2
        self.cur_tau = self.final_tau - (self.final_tau - self.base_tau) * remaining
