"""Gathering over processes, with gradients."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch.distributed.nn.functional import all_gather


def gather(X: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Concatenate ``X`` of all processes along ``dim`` in rank order; alone, return ``X``."""
    if dist.is_available() and dist.is_initialized():
        return torch.cat(all_gather(X), dim=dim)
    return X


def get_rank() -> int:
    """This process's rank, 0 where there is only one."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
