"""The momentum update of all parameters of a network in two fused calls."""

from __future__ import annotations

import torch
from torch import nn

from leoclr_plugin.host import host


class ForeachMomentumUpdater(host().MomentumUpdater):
    """The host's updater (same schedule of tau), updating all tensors in place at once.

    theta_k <- tau theta_k + (1 - tau) theta_q (MoCo, arXiv:1911.05722, eq. 2). Buffers, such as
    the running statistics of batch norm, are the momentum network's own, as in the host.
    """

    @torch.no_grad()
    def update(self, online_net: nn.Module, momentum_net: nn.Module) -> None:
        """Move ``momentum_net``'s parameters towards ``online_net``'s by ``1 - self.cur_tau``."""
        momentum = list(momentum_net.parameters())
        if momentum:
            torch._foreach_mul_(momentum, self.cur_tau)
            torch._foreach_add_(momentum, list(online_net.parameters()), alpha=1 - self.cur_tau)
