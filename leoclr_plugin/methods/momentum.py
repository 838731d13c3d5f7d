"""The momentum update, for all parameters of a network in two fused calls."""

from __future__ import annotations

import torch
from torch import nn

from leoclr_plugin.host import host


class ForeachMomentumUpdater(host().MomentumUpdater):
    """The host's updater, with the same schedule of tau, that updates all tensors at once.

    The update is theta_k <- tau theta_k + (1 - tau) theta_q (MoCo, arXiv:1911.05722, eq. 2). As in
    the host it leaves buffers alone: the momentum network has its own running statistics of batch
    norm.
    """

    @torch.no_grad()
    def update(self, online_net: nn.Module, momentum_net: nn.Module) -> None:
        """Move ``momentum_net``'s parameters towards ``online_net``'s by ``1 - self.cur_tau``."""
        momentum = list(momentum_net.parameters())
        if momentum:
            torch._foreach_mul_(momentum, self.cur_tau)
            torch._foreach_add_(momentum, list(online_net.parameters()), alpha=1 - self.cur_tau)
