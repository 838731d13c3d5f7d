"""MoCo v2+ (arXiv:2011.10566): symmetric MoCo v2, with one queue for each of the two views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.host.bundled.base import BaseMomentumMethod
from leoclr_plugin.host.bundled.cfg import set_defaults
from leoclr_plugin.host.bundled.gather import gather
from leoclr_plugin.host.bundled.momentum import initialize_momentum_params
from leoclr_plugin.host.bundled.projector import projector


def mocov2plus_loss_func(
    query: torch.Tensor, key: torch.Tensor, queue: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """Return the InfoNCE loss of ``query`` and ``key`` ``[N, D]`` against ``queue`` ``[D, K]``."""
    positive = (query * key).sum(dim=1, keepdim=True)
    logits = torch.cat([positive, query @ queue], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros_like(logits[:, 0], dtype=torch.long))


class MoCoV2Plus(BaseMomentumMethod):
    """MoCo v2+ as in solo-learn's ``mocov2plus``.

    Its settings are ``proj_hidden_dim``, ``proj_output_dim``, ``temperature`` and ``queue_size``
    of ``method_kwargs``. The batch size must divide ``queue_size``, which is 65536 by default.
    """

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        kwargs = self.cfg.method_kwargs
        self.temperature: float = kwargs.temperature
        self.queue_size: int = kwargs.queue_size
        self.projector = projector(self.features_dim, kwargs)
        self.momentum_projector = projector(self.features_dim, kwargs)
        initialize_momentum_params(self.projector, self.momentum_projector)
        queue = F.normalize(torch.randn(2, kwargs.proj_output_dim, self.queue_size), dim=1)
        self.register_buffer("queue", queue)
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @staticmethod
    def add_and_assert_specific_cfg(cfg: DictConfig) -> DictConfig:
        """Add the default of ``queue_size`` to those of all momentum methods."""
        cfg = BaseMomentumMethod.add_and_assert_specific_cfg(cfg)
        set_defaults(cfg, {"method_kwargs.queue_size": 65536})
        return cfg

    @property
    def learnable_params(self) -> list[dict[str, Any]]:
        """The base class's groups, and one for the projector."""
        group = {"name": "projector", "params": self.projector.parameters()}
        return [*super().learnable_params, group]

    @property
    def momentum_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """The base class's pairs and the projectors."""
        return [*super().momentum_pairs, (self.projector, self.momentum_projector)]

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the normalised projection ``z`` ``[N, D]`` to the base class's outputs."""
        out = super().forward(X)
        return {**out, "z": F.normalize(self.projector(out["feats"]), dim=-1)}

    @torch.no_grad()
    def momentum_forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the normalised key ``z`` ``[N, D]`` to the base class's outputs."""
        out = super().momentum_forward(X)
        return {**out, "z": F.normalize(self.momentum_projector(out["feats"]), dim=-1)}

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> torch.Tensor:
        """Return the loss of two views, each the other's query, and add the classifier's."""
        out = super().training_step(batch, batch_idx)
        (q1, q2), (k1, k2) = out["z"], out["momentum_z"]
        queue = self.queue.clone()
        nce_loss = (
            mocov2plus_loss_func(q1, k2, queue[1], self.temperature)
            + mocov2plus_loss_func(q2, k1, queue[0], self.temperature)
        ) / 2
        self._enqueue(torch.stack((gather(k1), gather(k2))))
        self.log("train_nce_loss", nce_loss, on_epoch=True, sync_dist=True)
        return nce_loss + out["loss"]

    @torch.no_grad()
    def _enqueue(self, keys: torch.Tensor) -> None:
        batch_size, start = keys.shape[1], int(self.queue_ptr)
        self.queue[:, :, start : start + batch_size] = keys.transpose(1, 2).to(self.queue.dtype)
        self.queue_ptr[0] = (start + batch_size) % self.queue_size
