"""Batch norm that takes its statistics over parts of a batch, as several processes would."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from leoclr_plugin.errors import UserError


class SplitBatchNorm(_BatchNorm):
    """Batch norm that normalises each of ``splits`` parts of the batch by its own statistics.

    In training it does what ``splits`` processes with one part each would do. The running
    statistics move once for each part. In evaluation it is plain batch norm.

    Attributes:
        splits: number of parts, at least 1.
    """

    splits: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``[N, C]`` or ``[N, C, H, W]``."""
        if not self.training:
            return super().forward(x)
        parts = x.tensor_split(self.splits)
        return torch.cat([super(SplitBatchNorm, self).forward(part) for part in parts])


class SplitBatchNorm1d(SplitBatchNorm, nn.BatchNorm1d):
    """Split batch norm of features ``[N, C]``."""


class SplitBatchNorm2d(SplitBatchNorm, nn.BatchNorm2d):
    """Split batch norm of maps ``[N, C, H, W]``."""


_SPLIT = {nn.BatchNorm1d: SplitBatchNorm1d, nn.BatchNorm2d: SplitBatchNorm2d}


def split_batch_norm(network: nn.Module, splits: int) -> None:
    """Turn all batch norm of ``network`` into split batch norm, in place.

    The parameters and their names stay.

    Raises:
        UserError: if the network has no batch norm.
    """
    layers = [module for module in network.modules() if type(module) in _SPLIT]
    if not layers:
        raise UserError(
            f"method_kwargs.bn_splits={splits}, but the backbone has no batch norm to split; set 1"
        )
    for layer in layers:
        # A new class for the old layer keeps its parameters and their names.
        layer.__class__ = _SPLIT[type(layer)]
        layer.splits = splits


def join_by_parts(views: Sequence[torch.Tensor], splits: int) -> torch.Tensor:
    """Join views ``[N, ...]`` so that each part of split batch norm has all views of its images.

    A process with these images would have just them. ``splits`` divides N.

    Returns:
        ``[V * N, ...]``; ``separate_by_parts`` undoes it.
    """
    return torch.stack([view.unflatten(0, (splits, -1)) for view in views], dim=1).flatten(0, 2)


def separate_by_parts(joined: torch.Tensor, views: int, splits: int) -> list[torch.Tensor]:
    """Return the views ``[N, ...]`` that ``join_by_parts`` joined."""
    parts = joined.unflatten(0, (splits, views, -1))
    return [part.flatten(0, 1) for part in parts.unbind(1)]
