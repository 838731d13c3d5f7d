"""Change the weight decay over a training."""

from __future__ import annotations

import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class WeightDecaySchedule(Callback):
    """Move the weight decay from its first to its last value by half a cosine, as DINO does.

    Parameters without weight decay, such as biases that are excluded, keep none. The step decides
    the value, so a resumed training has the same one.

    Args:
        first: the weight decay at the first step.
        last: the weight decay at the last step.
    """

    def __init__(self, first: float, last: float) -> None:
        self._first, self._last = first, last
        self._groups: list[dict[str, Any]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the groups of parameters with weight decay."""
        groups = (group for one in trainer.optimizers for group in one.param_groups)
        self._groups = [group for group in groups if group["weight_decay"]]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set the value of the step, and log it."""
        steps = max(1, trainer.estimated_stepping_batches - 1)
        done = min(1.0, trainer.global_step / steps)
        value = self._last + (self._first - self._last) * (1 + math.cos(math.pi * done)) / 2
        for group in self._groups:
            group["weight_decay"] = value
        pl_module.log("weight_decay", value)
