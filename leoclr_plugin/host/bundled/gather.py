"""Gathering tensors over all processes, with gradients."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch.distributed.nn.functional import all_gather


def gather(X: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Concatenate all processes' ``X`` along ``dim`` in rank order; a single one returns ``X``."""
    if dist.is_available() and dist.is_initialized():
        return torch.cat(all_gather(X), dim=dim)
    return X


def get_rank() -> int:
    """Return the rank of this process, which is 0 if it is the only one."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
