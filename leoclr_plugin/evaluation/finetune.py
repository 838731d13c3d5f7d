"""Fine-tuning: a whole network learns with labels, or with the labels of a few images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from timm.data import Mixup
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.utils import ModelEmaV3
from torch import nn

from leoclr_plugin.config.defaults import default_of, fill_in
from leoclr_plugin.config.keys import FINETUNE
from leoclr_plugin.config.nodes import RandAugment
from leoclr_plugin.data.datasets import class_names
from leoclr_plugin.data.loaders import Loader
from leoclr_plugin.data.sampler import processes, sampler_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.classifier import parse_classifier, train_classifier
from leoclr_plugin.evaluation.layer_rates import layer_groups
from leoclr_plugin.host.bundled import optimizers
from leoclr_plugin.host.bundled.linear import LinearModel

# These change a batch's labels into shares of classes.
_SOFT_LABELS = ("mixup", "cutmix", "label_smoothing")
_OWN_KEYS = (*_SOFT_LABELS, "ema_decay", "crop_size")


class FineTuning(LinearModel):
    """A backbone with a linear classifier, which both learn.

    It is the bundled host's linear model under each host, so the result does not depend on the
    host. Batches are ``[images [N, 3, H, W], targets]``.

    Attributes:
        average: the moving average of all weights and statistics, which is validated instead of
            them; None without ``cfg.ema_decay``.
    """

    def __init__(self, backbone: nn.Module, cfg: DictConfig) -> None:
        """Create the model.

        Args:
            backbone: maps images to features ``[N, F]``.
            cfg: a configuration after ``parse_finetune``.
        """
        mix, loss = _mix_of(cfg), None
        if mix is not None:
            loss = SoftTargetCrossEntropy()
        elif cfg.label_smoothing:
            loss = LabelSmoothingCrossEntropy(cfg.label_smoothing)
        super().__init__(backbone, cfg, loss)
        self._mix, self._seed = mix, cfg.get("seed") or 0
        self.classifier_lr: float = cfg.optimizer.classifier_lr
        if not self.no_channel_last:
            self.to(memory_format=torch.channels_last)
        self.average: ModelEmaV3 | None = None
        if cfg.ema_decay:
            # With a warmup the average of a short training does not hold on to its start.
            self.average = ModelEmaV3(self._learned(), decay=cfg.ema_decay, use_warmup=True)
            self.average.requires_grad_(False)

    def configure_optimizers(self) -> Any:
        """Build the optimizer and the schedule; the backbone and the classifier have own rates."""
        classifier = {
            "name": "classifier",
            "params": self.classifier.parameters(),
            "lr": self.classifier_lr,
        }
        groups = [classifier, *layer_groups(self.backbone, self.lr, self.layer_decay)]
        return optimizers.configure_optimizers(self, groups, own_rates=True)

    def training_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch, whose images are mixed if the configuration says so."""
        if self._mix is None:
            return super().training_step(batch, batch_idx)
        images, targets = batch
        place = [self._seed, self.current_epoch, batch_idx, self.global_rank]
        with _numpy_seeded(place):
            # The mixing changes its input, and a loader may keep that.
            images, targets = self._mix(images.clone(), targets)
        loss = self.loss_func(self(images)["logits"], targets)
        # The accuracy on mixed images would say nothing.
        self.log("train_loss", loss, on_epoch=True, sync_dist=True)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take the optimizer's step, and update the average."""
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update(self._learned(), step=self.global_step + 1)

    def on_validation_start(self) -> None:
        """Put the average in the place of the weights."""
        self._exchange_with_average()

    def on_validation_end(self) -> None:
        """Put the weights back into their place."""
        self._exchange_with_average()

    def _learned(self) -> nn.Module:
        return nn.ModuleList([self.backbone, self.classifier])

    @torch.no_grad()
    def _exchange_with_average(self) -> None:
        if self.average is None:
            return
        averages = self.average.module.state_dict()
        for name, value in self._learned().state_dict().items():
            kept = value.clone()
            value.copy_(averages[name])
            averages[name].copy_(kept)


def finetune(backbone: nn.Module, cfg: DictConfig, train: Loader, val: Loader) -> dict[str, Any]:
    """Train a backbone and a new linear classifier with labels.

    Args:
        backbone: maps images to features ``[N, F]``; it is changed.
        cfg: a parsed configuration of ``scripts/finetune``, see ``parse_finetune``.
        train: gives batches ``[images, targets]``.
        val: gives the batches of the validation set.

    Returns:
        See ``train_classifier``.
    """
    seed_everything(cfg.seed, workers=True)
    model = FineTuning(backbone, cfg).train()
    return train_classifier(model, FINETUNE, cfg, train, val, sampler_of(train))


def parse_finetune(cfg: DictConfig) -> DictConfig:
    """Check a composed configuration of ``scripts/finetune`` and fill it in.

    Both learning rates are multiplied by batch size x devices x nodes / 256.

    Raises:
        UserError: see ``parse_classifier``; and for soft labels where images have several labels.
    """
    cfg = parse_classifier(cfg, FINETUNE)
    for key in _OWN_KEYS:
        cfg[key] = cfg.get(key, default_of(key))
    fill_in(cfg, "rand_augment", RandAugment)
    cfg.finetune = True
    cfg.optimizer.classifier_lr *= cfg.optimizer.batch_size * processes(cfg) / 256
    soft = [key for key in _SOFT_LABELS if cfg[key]]
    if soft and class_names(cfg.data):
        raise UserError(
            f"{soft[0]}={cfg[soft[0]]} takes one class for each image, and the images have several "
            "labels; leave it out"
        )
    return cfg


def _mix_of(cfg: DictConfig) -> Mixup | None:
    if not (cfg.mixup or cfg.cutmix):
        return None
    return Mixup(
        mixup_alpha=cfg.mixup,
        cutmix_alpha=cfg.cutmix,
        label_smoothing=cfg.label_smoothing,
        num_classes=cfg.data.num_classes,
    )


@contextmanager
def _numpy_seeded(place: Sequence[int]) -> Iterator[None]:
    # timm mixes with numpy's global generator, whose state a checkpoint does not have. If the place
    # in the training decides it, a resumed training mixes as the uninterrupted one.
    state = np.random.get_state()
    np.random.seed(np.random.SeedSequence(place).generate_state(1))
    try:
        yield
    finally:
        np.random.set_state(state)
