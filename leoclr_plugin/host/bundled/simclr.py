"""SimCLR (arXiv:2002.05709)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import DictConfig

from leoclr_plugin.host.bundled.base import BaseMethod
from leoclr_plugin.host.bundled.gather import gather, get_rank
from leoclr_plugin.host.bundled.projector import projector


def simclr_loss_func(
    z: torch.Tensor, indexes: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """Return the NT-Xent loss of the projections ``z`` ``[V N, D]`` of V views of N images.

    Views with the same index in ``indexes`` ``[V N]`` are positives. The negatives come from all
    processes.
    """
    z = F.normalize(z, dim=-1)
    all_z, all_indexes = gather(z), gather(indexes)
    similarity = torch.exp(z @ all_z.T / temperature)
    same = indexes[:, None] == all_indexes[None, :]
    itself = torch.arange(len(z), device=z.device) + len(z) * get_rank()
    positive = same.clone()
    positive[torch.arange(len(z), device=z.device), itself] = False
    pos = (similarity * positive).sum(dim=1)
    neg = (similarity * ~same).sum(dim=1)
    return -torch.log(pos / (pos + neg)).mean()


class SimCLR(BaseMethod):
    """SimCLR as in solo-learn's ``simclr``.

    Its settings are ``proj_hidden_dim``, ``proj_output_dim`` and ``temperature`` of
    ``method_kwargs``.
    """

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        self.temperature: float = self.cfg.method_kwargs.temperature
        self.projector = projector(self.features_dim, self.cfg.method_kwargs)

    @property
    def learnable_params(self) -> list[dict[str, Any]]:
        """The base class's groups, and one for the projector."""
        group = {"name": "projector", "params": self.projector.parameters()}
        return [*super().learnable_params, group]

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the projection ``z`` ``[N, D]`` to the base class's outputs."""
        out = super().forward(X)
        return {**out, "z": self.projector(out["feats"])}

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch of views, and add the classifier's."""
        out = super().training_step(batch, batch_idx)
        indexes = batch[0].repeat(len(out["z"]))
        nce_loss = simclr_loss_func(torch.cat(out["z"]), indexes, self.temperature)
        self.log("train_nce_loss", nce_loss, on_epoch=True, sync_dist=True)
        return nce_loss + out["loss"]
