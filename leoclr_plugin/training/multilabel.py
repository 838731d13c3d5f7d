"""Measure the mean average precision of a linear classifier in each validation of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from leoclr_plugin.metrics.average_precision import (
    average_precision,
    mean_average_precision,
    precision_by_class,
)
from leoclr_plugin.training.encoding import of_all_processes


class ValidationMAP(Callback):
    """Logs ``val_mAP``, the mean average precision of the model's ``classifier``, in percent.

    Average precision ranks all validation images together, so the logits of all batches and
    processes are kept until the end of a validation.

    Attributes:
        classes: the names of the classes.
        by_class: the average precision of each class in the last validation; None for a class
            that no validation image shows.
        scores: the logits ``[N, C]`` of the images in the last validation.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.by_class: dict[str, float | None] = {}
        self.scores = torch.empty(0)
        self._logits: list[torch.Tensor] = []
        self._targets: list[torch.Tensor] = []
        self._hook: Any = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to keep the classifier's outputs."""
        self._logits, self._targets = [], []
        self._hook = pl_module.classifier.register_forward_hook(
            lambda module, inputs, logits: self._logits.append(logits.detach().float())
        )

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Keep the batch's labels."""
        self._targets.append(batch[-1])

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Rank the images of all processes, and log the mean over the classes."""
        self._hook.remove()
        logits = _gather(self._logits)
        targets = _gather(self._targets)
        if not logits.isfinite().all():
            # Such logits have no ranking. The guards of ``training.nonfinite`` report them.
            return
        self.scores = logits
        precisions = average_precision(logits, targets)
        self.by_class = precision_by_class(self.classes, precisions)
        pl_module.log("val_mAP", mean_average_precision(precisions))

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop keeping outputs when a validation fails."""
        if self._hook is not None:
            self._hook.remove()


def _gather(batches: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenate the batches of all processes."""
    return of_all_processes(torch.cat(list(batches)))
