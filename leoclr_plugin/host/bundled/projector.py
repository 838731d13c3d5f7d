"""The two-layer projector that all baselines share."""

from __future__ import annotations

from omegaconf import DictConfig
from torch import nn


def projector(features_dim: int, kwargs: DictConfig, norm: bool = False) -> nn.Sequential:
    """Build a projector from ``[N, F]`` to ``[N, proj_output_dim]``.

    Its layers are: linear, batch norm (with ``norm``), ReLU, linear.
    """
    hidden = [nn.BatchNorm1d(kwargs.proj_hidden_dim)] if norm else []
    return nn.Sequential(
        nn.Linear(features_dim, kwargs.proj_hidden_dim),
        *hidden,
        nn.ReLU(),
        nn.Linear(kwargs.proj_hidden_dim, kwargs.proj_output_dim),
    )
