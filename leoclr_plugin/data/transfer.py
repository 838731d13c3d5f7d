"""Copying small arrays to the GPU."""

from __future__ import annotations

import numpy as np
import torch


def to_device(
    values: torch.Tensor | np.ndarray, device: torch.device, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """Copy an array or a CPU tensor to ``device`` without waiting for the GPU.

    A plain copy waits until the GPU has finished all earlier work, such as the last training step.
    Then the GPU is idle until the next step is launched.
    """
    values = torch.as_tensor(values, dtype=dtype)
    if device.type == "cpu":
        return values
    return values.pin_memory().to(device, non_blocking=True)
