"""Small arrays on their way to the GPU."""

from __future__ import annotations

import torch


def to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a CPU tensor to ``device`` without waiting for what the GPU is doing.

    A plain copy waits until the GPU has done all that it was given before, the training's last
    step for one, and then the GPU waits for the next step to be launched.
    """
    if device.type == "cpu":
        return values
    return values.pin_memory().to(device, non_blocking=True)
