"""The linear probe; it follows the contract of ``solo.methods.linear``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.host.bundled import optimizers
from leoclr_plugin.host.bundled.backbones import features_dim
from leoclr_plugin.host.bundled.cfg import set_defaults
from leoclr_plugin.host.bundled.metrics import accuracy_at_k, cross_entropy, weighted_mean

_DEFAULTS = {
    **optimizers.DEFAULTS,
    "optimizer.layer_decay": 0.0,
    "finetune": False,
    "performance": {},
    "performance.disable_channel_last": False,
}


class LinearModel(pl.LightningModule):
    """A linear classifier on a frozen backbone; with ``cfg.finetune`` the backbone learns too.

    Batches are ``[images [N, 3, H, W], targets [N]]``. It logs ``val_loss``, ``val_acc1`` and
    ``val_acc5`` (percent) of the validation set.
    """

    def __init__(
        self, backbone: nn.Module, cfg: DictConfig, loss_func: Callable | None = None
    ) -> None:
        super().__init__()
        set_defaults(cfg, _DEFAULTS)
        self.backbone = backbone
        self.classifier = nn.Linear(features_dim(backbone), cfg.data.num_classes)
        self.loss_func = loss_func or cross_entropy
        self.layer_decay: float = cfg.optimizer.layer_decay
        self.finetune: bool = cfg.finetune
        self.backbone.requires_grad_(self.finetune)
        optimizers.take_settings(self, cfg)
        self.no_channel_last: bool = cfg.performance.disable_channel_last
        self.validation_step_outputs: list[dict[str, Any]] = []

    def configure_optimizers(self) -> Any:
        """Build the optimizer and the schedule for the parameters that learn.

        Raises:
            UserError: if the configuration wants a layer decay.
        """
        if self.layer_decay:
            raise UserError(
                f"optimizer.layer_decay={self.layer_decay} needs the real solo-learn, or leoclr "
                "finetune; set SOLO_LEARN_HOME"
            )
        groups = [{"params": self.classifier.parameters()}]
        if self.finetune:
            groups.append({"params": self.backbone.parameters()})
        return optimizers.configure_optimizers(self, groups)

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features ``feats`` ``[N, F]`` and the ``logits`` ``[N, C]``."""
        if not self.no_channel_last:
            X = X.to(memory_format=torch.channels_last)
        with torch.set_grad_enabled(self.finetune and torch.is_grad_enabled()):
            feats = self.backbone(X)
        return {"logits": self.classifier(feats), "feats": feats}

    def training_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch; a frozen backbone keeps its running statistics."""
        self.backbone.train(self.finetune)
        X, targets = batch
        logits = self(X)["logits"]
        loss = self.loss_func(logits, targets)
        acc1, acc5 = accuracy_at_k(logits, targets)
        log = {"train_loss": loss, "train_acc1": acc1, "train_acc5": acc5}
        self.log_dict(log, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> dict[str, Any]:
        """Return the loss and the accuracies of a batch."""
        X, targets = batch
        logits = self(X)["logits"]
        acc1, acc5 = accuracy_at_k(logits, targets)
        loss = cross_entropy(logits, targets)
        metrics = {"val_loss": loss, "val_acc1": acc1, "val_acc5": acc5}
        self.validation_step_outputs.append({**metrics, "batch_size": len(targets)})
        return metrics

    def on_validation_epoch_end(self) -> None:
        """Log the means over the validation set."""
        outputs = self.validation_step_outputs
        keys = ("val_loss", "val_acc1", "val_acc5")
        self.log_dict({key: weighted_mean(outputs, key) for key in keys}, sync_dist=True)
        outputs.clear()
