"""What callbacks share that encode images during a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torchmetrics.utilities.distributed import gather_all_tensors


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and each of its modules back into its own mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def of_all_processes(own: torch.Tensor) -> torch.Tensor:
    """Return the rows of all processes, those of the first process first."""
    return torch.cat(gather_all_tensors(own)) if dist.is_initialized() else own
