"""The base classes of the methods; they follow the contract of ``solo.methods.base``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.host.bundled import optimizers
from leoclr_plugin.host.bundled.backbones import BACKBONES, build_backbone, features_dim
from leoclr_plugin.host.bundled.cfg import set_defaults
from leoclr_plugin.host.bundled.knn import WeightedKNNClassifier
from leoclr_plugin.host.bundled.metrics import accuracy_at_k, cross_entropy, weighted_mean
from leoclr_plugin.host.bundled.momentum import (
    MomentumUpdater,
    initialize_momentum_params,
    resume_momentum,
)

_DEFAULTS = {
    **optimizers.DEFAULTS,
    "backbone.kwargs": {},
    "knn_eval": {},
    "knn_eval.enabled": False,
    "knn_eval.k": 20,
    "knn_eval.distance_func": "euclidean",
    "performance": {},
    "performance.disable_channel_last": False,
    "method_kwargs": {},
}


class BaseMethod(pl.LightningModule):
    """The base of all methods: a backbone, an online linear classifier, optimizer and schedule.

    A training batch is ``[indexes, [view, ...], targets]`` and a validation batch is
    ``[images, targets]``. Images are ``[N, 3, H, W]``; targets are ``[N]``, with -1 for no label.

    Attributes:
        backbone: the encoder; ``features_dim`` is the dimension of its features.
        classifier: a linear layer on the detached features.
        knn: the online kNN; it only exists with ``cfg.knn_eval.enabled``.
    """

    _BACKBONES = BACKBONES

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__()
        self.cfg = cfg = self.add_and_assert_specific_cfg(cfg)
        self.backbone = self._build_backbone()
        self.features_dim = features_dim(self.backbone)
        self.num_classes: int = cfg.data.num_classes
        self.classifier = nn.Linear(self.features_dim, self.num_classes)

        # As in solo-learn, gradient accumulation scales all learning rates.
        accumulated_batches = cfg.accumulate_grad_batches or 1
        optimizers.take_settings(self, cfg, rate_scale=accumulated_batches)
        self.classifier_lr: float = cfg.optimizer.classifier_lr * accumulated_batches

        self.num_large_crops: int = cfg.data.num_large_crops
        self.num_small_crops: int = cfg.data.num_small_crops
        self.num_crops: int = self.num_large_crops + self.num_small_crops

        self.knn_eval: bool = cfg.knn_eval.enabled
        if self.knn_eval:
            self.knn = WeightedKNNClassifier(
                k=cfg.knn_eval.k, distance_fx=cfg.knn_eval.distance_func
            )
        self.no_channel_last: bool = cfg.performance.disable_channel_last
        self.validation_step_outputs: list[dict[str, Any]] = []

    def _build_backbone(self) -> nn.Module:
        cfg = self.cfg
        return build_backbone(
            cfg.backbone.name, cfg.method, cfg.data.dataset, dict(cfg.backbone.kwargs)
        )

    @staticmethod
    def add_and_assert_specific_cfg(cfg: DictConfig) -> DictConfig:
        """Fill in the defaults that all methods share; a subclass adds its own."""
        set_defaults(cfg, _DEFAULTS)
        return cfg

    @property
    def learnable_params(self) -> list[dict[str, Any]]:
        """The parameter groups of the optimizer; a subclass appends its own."""
        classifier = {
            "name": "classifier",
            "params": self.classifier.parameters(),
            "lr": self.classifier_lr,
            "weight_decay": 0,
        }
        return [{"name": "backbone", "params": self.backbone.parameters()}, classifier]

    def configure_optimizers(self) -> Any:
        """Build the optimizer and the schedule that the configuration names."""
        return optimizers.configure_optimizers(self, self.learnable_params)

    def _memory_format(self, X: torch.Tensor) -> torch.Tensor:
        return X if self.no_channel_last else X.to(memory_format=torch.channels_last)

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features ``feats`` ``[N, F]`` and the classifier's ``logits`` ``[N, C]``."""
        feats = self.backbone(self._memory_format(X))
        return {"logits": self.classifier(feats.detach()), "feats": feats}

    def _base_shared_step(self, X: torch.Tensor, targets: torch.Tensor) -> dict[str, Any]:
        out = self(X)
        acc1, acc5 = accuracy_at_k(out["logits"], targets)
        loss = cross_entropy(out["logits"], targets)
        return {**out, "loss": loss, "acc1": acc1, "acc5": acc5}

    def base_training_step(self, X: torch.Tensor, targets: torch.Tensor) -> dict[str, Any]:
        """Encode one view; return the outputs of ``forward``, ``loss``, ``acc1`` and ``acc5``."""
        return self._base_shared_step(X, targets)

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> dict[str, Any]:
        """Encode every view; return lists of the outputs, and means of the loss and accuracies."""
        _, views, targets = batch
        steps = [self.base_training_step(view, targets) for view in views]
        outs: dict[str, Any] = {key: [step[key] for step in steps] for key in steps[0]}
        for key in ("loss", "acc1", "acc5"):
            outs[key] = sum(outs[key]) / len(views)
        metrics = {
            "train_class_loss": outs["loss"],
            "train_acc1": outs["acc1"],
            "train_acc5": outs["acc5"],
        }
        self.log_dict(metrics, on_epoch=True, sync_dist=True)
        if self.knn_eval:
            targets = targets.repeat(len(views))
            labelled = targets != -1
            self.knn.update(
                train_features=torch.cat(outs["feats"])[labelled].detach(),
                train_targets=targets[labelled],
            )
        return outs

    def validation_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> dict[str, Any]:
        """Classify a batch ``[images, targets]`` with the online classifier."""
        X, targets = batch
        out = self._base_shared_step(X, targets)
        if self.knn_eval and not self.trainer.sanity_checking:
            self.knn.update(test_features=out["feats"].detach(), test_targets=targets)
        metrics = {"batch_size": len(targets)}
        metrics.update({f"val_{key}": out[key] for key in ("loss", "acc1", "acc5")})
        self.validation_step_outputs.append(metrics)
        return metrics

    def on_validation_epoch_end(self) -> None:
        """Log the means over the validation set, and the accuracy of the online kNN."""
        outputs = self.validation_step_outputs
        log = {key: weighted_mean(outputs, key) for key in outputs[0] if key != "batch_size"}
        if self.knn_eval and not self.trainer.sanity_checking:
            log["val_knn_acc1"], log["val_knn_acc5"] = self.knn.compute()
        self.log_dict(log, sync_dist=True)
        outputs.clear()


class BaseMomentumMethod(BaseMethod):
    """The base of methods with a momentum encoder, which each optimizer step updates.

    Attributes:
        momentum_backbone: the moving average of ``backbone``, without gradients.
        momentum_classifier: a linear layer on its features with ``cfg.momentum.classifier``, None
            without.
        momentum_updater: holds the coefficient tau of the average and its schedule.
    """

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        self.momentum_backbone = self._build_backbone()
        initialize_momentum_params(self.backbone, self.momentum_backbone)
        self.momentum_classifier = None
        if self.cfg.momentum.classifier:
            self.momentum_classifier = nn.Linear(self.features_dim, self.num_classes)
        self.momentum_updater = MomentumUpdater(
            self.cfg.momentum.base_tau, self.cfg.momentum.final_tau
        )
        self.last_step = 0

    @staticmethod
    def add_and_assert_specific_cfg(cfg: DictConfig) -> DictConfig:
        """Add the defaults of the momentum to those that all methods share."""
        cfg = BaseMethod.add_and_assert_specific_cfg(cfg)
        set_defaults(
            cfg,
            {"momentum.base_tau": 0.99, "momentum.final_tau": 1.0, "momentum.classifier": False},
        )
        return cfg

    @property
    def learnable_params(self) -> list[dict[str, Any]]:
        """The base class's groups, and one for the momentum classifier."""
        groups = super().learnable_params
        if self.momentum_classifier is not None:
            params = self.momentum_classifier.parameters()
            classifier = {"params": params, "lr": self.classifier_lr, "weight_decay": 0}
            groups.append({"name": "momentum_classifier", **classifier})
        return groups

    @property
    def momentum_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """The pairs (online, momentum) of networks; a subclass appends its own."""
        return [(self.backbone, self.momentum_backbone)]

    def on_train_start(self) -> None:
        """Go on with the last step and the tau of the checkpoint, if there is one."""
        resume_momentum(self)

    @torch.no_grad()
    def momentum_forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the momentum backbone's features ``feats`` ``[N, F]``, without a graph."""
        return {"feats": self.momentum_backbone(self._memory_format(X))}

    def _shared_step_momentum(self, X: torch.Tensor, targets: torch.Tensor) -> dict[str, Any]:
        out = self.momentum_forward(X)
        if self.momentum_classifier is not None:
            logits = self.momentum_classifier(out["feats"])
            acc1, acc5 = accuracy_at_k(logits, targets)
            loss = cross_entropy(logits, targets)
            out.update({"logits": logits, "loss": loss, "acc1": acc1, "acc5": acc5})
        return out

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> dict[str, Any]:
        """Do the base class's step, and encode every view with the momentum encoder as well."""
        outs = super().training_step(batch, batch_idx)
        _, views, targets = batch
        steps = [self._shared_step_momentum(view, targets) for view in views]
        outs.update({f"momentum_{key}": [step[key] for step in steps] for key in steps[0]})
        if self.momentum_classifier is not None:
            for key in ("momentum_loss", "momentum_acc1", "momentum_acc5"):
                outs[key] = sum(outs[key]) / len(views)
            metrics = {
                "train_momentum_class_loss": outs["momentum_loss"],
                "train_momentum_acc1": outs["momentum_acc1"],
                "train_momentum_acc5": outs["momentum_acc5"],
            }
            self.log_dict(metrics, on_epoch=True, sync_dist=True)
            outs["loss"] = outs["loss"] + outs["momentum_loss"]
        return outs

    def validation_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> dict[str, Any]:
        """Do the base class's step; a momentum classifier adds its ``momentum_val_*``."""
        metrics = super().validation_step(batch, batch_idx)
        if self.momentum_classifier is not None:
            out = self._shared_step_momentum(*batch)
            metrics.update({f"momentum_val_{key}": out[key] for key in ("loss", "acc1", "acc5")})
        return metrics

    def on_train_batch_end(self, outputs: Any, batch: Sequence[Any], batch_idx: int) -> None:
        """Update the momentum networks if the optimizer made a step."""
        step = self.trainer.global_step
        if step > self.last_step:
            for pair in self.momentum_pairs:
                self.momentum_updater.update(*pair)
            self.log("tau", self.momentum_updater.cur_tau)
            self.momentum_updater.update_tau(step, self.trainer.estimated_stepping_batches)
        self.last_step = step
