"""Batch norm that takes its statistics over parts of a batch, as several processes would."""

from __future__ import annotations

import torch
from torch import nn

from leoclr_plugin.errors import UserError


class SplitBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that normalises each of ``splits`` parts of the batch by its own statistics.

    In training it does what ``splits`` processes with one part each would do. The running
    statistics move once for each part. In evaluation it is plain batch norm.

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
    """Turn all batch norm of ``network`` into split batch norm, in place.

    The parameters and their names stay.

    Raises:
        UserError: if the network has no ``nn.BatchNorm2d``.
    """
    layers = [module for module in network.modules() if type(module) is nn.BatchNorm2d]
    if not layers:
        raise UserError(
            f"method_kwargs.bn_splits={splits}, but the backbone has no batch norm to split; set 1"
        )
    for layer in layers:
        # A new class for the old layer keeps its parameters and their names.
        layer.__class__ = SplitBatchNorm2d
        layer.splits = splits
