"""Batch norm whose statistics are of parts of a batch, as several processes have them."""

from __future__ import annotations

import torch
from torch import nn

from leoclr_plugin.errors import UserError


class SplitBatchNorm2d(nn.BatchNorm2d):
    """Normalises each of ``splits`` parts of the batch by its own statistics.

    In training, as many processes would each for its own; the running statistics are moved once
    for each part. In evaluation it is plain batch norm.

    Attributes:
        splits: number of parts, at least 1.
    """

    splits: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``[N, C, H, W]``."""
        if not self.training:
            return super().forward(x)
        return torch.cat(
            [nn.BatchNorm2d.forward(self, part) for part in x.tensor_split(self.splits)]
        )


def split_batch_norm(network: nn.Module, splits: int) -> None:
    """Make all batch norm of ``network`` split, in place; parameters and names stay.

    Raises:
        UserError: where it has no ``nn.BatchNorm2d``.
    """
    layers = [module for module in network.modules() if type(module) is nn.BatchNorm2d]
    if not layers:
        raise UserError(
            f"method_kwargs.bn_splits={splits}, but the backbone has no batch norm to split; set 1"
        )
    for layer in layers:
        # In place of building new layers around the same parameters.
        layer.__class__ = SplitBatchNorm2d
        layer.splits = splits
