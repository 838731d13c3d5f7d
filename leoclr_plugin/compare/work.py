"""Count the work of a training step in forward passes of the backbone."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

# A backward pass costs about twice a forward pass.
_FORWARD, _FORWARD_AND_BACKWARD = 1, 3
_BACKBONES = ("backbone", "momentum_backbone")


class WorkPerStep(Callback):
    """Counts the work of the first training step in units of one forward pass over the batch.

    A view costs 1 if it is encoded without gradients, and 3 if it is encoded with a backward pass.
    A smaller view costs less in proportion to its pixels. One-way MoCo-v2 needs 4 units, LeOCLR 5,
    and solo-learn's ``mocov2plus`` 8. Projectors and losses are not counted.

    Attributes:
        units: the work of a step; 0 before the first step.
    """

    def __init__(self) -> None:
        self.units = 0.0
        self._pixels: list[tuple[int, int]] = []
        self._hooks: list[Any] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin to count in the first step of a run."""
        if not self.units:
            networks = [getattr(pl_module, name, None) for name in _BACKBONES]
            self._pixels = []
            self._hooks = [net.register_forward_hook(self._count) for net in networks if net]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop counting."""
        if self._hooks:
            for hook in self._hooks:
                hook.remove()
            self._hooks = []
            views = batch[1] if isinstance(batch[1], list | tuple) else [batch[1]]
            batch_pixels = max(_pixels_of(view) for view in views)
            self.units = sum(cost * pixels for cost, pixels in self._pixels) / batch_pixels

    def state_dict(self) -> dict[str, Any]:
        """Return the counted work."""
        return {"units": self.units}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the work that was counted before an interruption."""
        self.units = state_dict["units"]

    def _count(self, module: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        has_backward = torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())
        cost = _FORWARD_AND_BACKWARD if has_backward else _FORWARD
        self._pixels.append((cost, _pixels_of(inputs[0])))


def _pixels_of(images: torch.Tensor) -> int:
    return images.shape[0] * images.shape[-2] * images.shape[-1]
