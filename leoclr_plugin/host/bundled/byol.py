"""BYOL (arXiv:2006.07733)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.host.bundled.base import BaseMomentumMethod
from leoclr_plugin.host.bundled.momentum import initialize_momentum_params
from leoclr_plugin.host.bundled.projector import projector


def byol_loss_func(p: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Return the mean squared distance of ``p`` and ``z`` ``[N, D]`` after their normalisation.

    ``p`` is the prediction and ``z`` the target, which gets no gradient.
    """
    return 2 - 2 * F.cosine_similarity(p, z.detach(), dim=-1).mean()


class BYOL(BaseMomentumMethod):
    """BYOL as in solo-learn's ``byol``.

    Its settings are ``proj_hidden_dim``, ``proj_output_dim`` and ``pred_hidden_dim`` of
    ``method_kwargs``.
    """

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        kwargs = self.cfg.method_kwargs
        self.projector = projector(self.features_dim, kwargs, norm=True)
        self.momentum_projector = projector(self.features_dim, kwargs, norm=True)
        initialize_momentum_params(self.projector, self.momentum_projector)
        self.predictor = nn.Sequential(
            nn.Linear(kwargs.proj_output_dim, kwargs.pred_hidden_dim),
            nn.BatchNorm1d(kwargs.pred_hidden_dim),
            nn.ReLU(),
            nn.Linear(kwargs.pred_hidden_dim, kwargs.proj_output_dim),
        )

    @property
    def learnable_params(self) -> list[dict[str, Any]]:
        """The base class's groups, and one each for the projector and the predictor."""
        return [
            *super().learnable_params,
            {"name": "projector", "params": self.projector.parameters()},
            {"name": "predictor", "params": self.predictor.parameters()},
        ]

    @property
    def momentum_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """The base class's pairs and the projectors."""
        return [*super().momentum_pairs, (self.projector, self.momentum_projector)]

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the projection ``z`` and the prediction ``p`` ``[N, D]`` to the base's outputs."""
        out = super().forward(X)
        z = self.projector(out["feats"])
        return {**out, "z": z, "p": self.predictor(z)}

    @torch.no_grad()
    def momentum_forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the target ``z`` ``[N, D]`` to the base class's outputs."""
        out = super().momentum_forward(X)
        return {**out, "z": self.momentum_projector(out["feats"])}

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> torch.Tensor:
        """Return the loss: each view predicts the targets of the others; add the classifier's."""
        out = super().training_step(batch, batch_idx)
        predictions, momentum_z = out["p"], out["momentum_z"]
        neg_cos_sim = sum(
            byol_loss_func(p, z)
            for i, z in enumerate(momentum_z)
            for j, p in enumerate(predictions)
            if i != j
        )
        with torch.no_grad():
            z_std = F.normalize(torch.stack(out["z"]), dim=-1).std(dim=1).mean()
        metrics = {"train_neg_cos_sim": neg_cos_sim, "train_z_std": z_std}
        self.log_dict(metrics, on_epoch=True, sync_dist=True)
        return neg_cos_sim + out["loss"]
