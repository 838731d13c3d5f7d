"""Mean average precision of a linear classifier, measured in each validation of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from torchmetrics.utilities.distributed import gather_all_tensors

from leoclr_plugin.metrics.average_precision import (
    average_precision,
    mean_average_precision,
    precision_by_class,
)


class ValidationMAP(Callback):
    """Logs ``val_mAP``, the mean average precision of the model's ``classifier``, in percent.

    The hosts' models average accuracies over batches. Average precision ranks all validation
    images, so the logits of all batches and all processes are kept until the end.

    Attributes:
        classes: names of the classes.
        by_class: the average precision of each class after the last validation; None for a class
            that no validation image shows.
        scores: the logits ``[N, C]`` of the last validation's images.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.by_class: dict[str, float | None] = {}
        self.scores = torch.empty(0)
        self._logits: list[torch.Tensor] = []
        self._targets: list[torch.Tensor] = []
        self._hook: Any = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to keep the classifier's outputs."""
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
        logits = _of_all_processes(self._logits)
        targets = _of_all_processes(self._targets)
        if not logits.isfinite().all():
            # The guard against losses that are not finite says where they come from.
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


def _of_all_processes(batches: Sequence[torch.Tensor]) -> torch.Tensor:
    mine = torch.cat(list(batches))
    return torch.cat(gather_all_tensors(mine)) if dist.is_initialized() else mine
