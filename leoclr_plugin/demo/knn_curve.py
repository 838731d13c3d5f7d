"""kNN accuracy over a training, from before its first step on."""

from __future__ import annotations

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.data.loaders import plain_train_loader, val_loader
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.knn import knn


class KnnCurve(Callback):
    """Evaluates the frozen features by kNN before the first step and after every epoch.

    The features are those of the validation pictures, with the training pictures, both without
    augmentations, as the bank. Nothing is drawn at random, so the training is the same without it.

    Attributes:
        points: pairs (epochs trained, top-1 in percent).
    """

    def __init__(self, cfg: DictConfig, size: tuple[int, int]) -> None:
        """Read all pictures into memory, which is meant for the few small ones of the demo.

        Args:
            cfg: the configuration of the pretraining.
            size: height and width in pixels that the pictures are evaluated at.
        """
        self.points: list[tuple[int, float]] = []
        data = evaluation_cfg(cfg)
        loaders = plain_train_loader(data, size), val_loader(data, size)
        self._bank, self._test = (list(loader) for loader in loaders)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        self._evaluate(0, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        self._evaluate(trainer.current_epoch + 1, pl_module)

    def _evaluate(self, epoch: int, method: LightningModule) -> None:
        was_training = method.training
        method.eval()
        bank, test = (_features(method, batches) for batches in (self._bank, self._test))
        method.train(was_training)
        self.points.append((epoch, knn(bank, test)["top1"]))


@torch.no_grad()
def _features(method: nn.Module, batches: list) -> Features:
    features = [method(images.to(method.device))["feats"].float().cpu() for images, _ in batches]
    return torch.cat(features), torch.cat([targets for _, targets in batches])
