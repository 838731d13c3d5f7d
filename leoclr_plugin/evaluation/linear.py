"""The linear probe of a frozen backbone."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.config.keys import LINEAR
from leoclr_plugin.data.loaders import Loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.evaluation.classifier import parse_classifier, train_classifier
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.host import host
from leoclr_plugin.training.multilabel import ValidationMAP


def linear(backbone: nn.Module, cfg: DictConfig, train: Loader, val: Loader) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on a backbone, which is frozen unless ``cfg.finetune``.

    Args:
        backbone: maps images to features ``[N, F]``.
        cfg: a parsed configuration of ``scripts/linear``, see ``parse_linear``.
        train: gives batches ``[images, targets]``.
        val: gives the batches of the validation set.

    Returns:
        See ``train_classifier``.
    """
    return train_classifier(_model(backbone, cfg), LINEAR, cfg, train, val, sampler_of(train))


def linear_on_features(
    cfg: DictConfig,
    train: Features,
    val: Features,
    ranking: ValidationMAP | None = None,
    rows: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on features that were extracted once, without augmentation.

    This takes seconds, because no epoch encodes the images again as ``linear`` does. The result is
    that of ``linear``.

    Args:
        cfg: see ``linear``.
        train: features ``[M, F]`` and targets ``[M]`` of the training images.
        val: features and targets of the validation images.
        ranking: keeps the scores of the validation images, if they have several labels.
        rows: the indexes of the training images to take; all by default.
    """
    # The channels-last memory format is for images only.
    cfg.performance = {"disable_channel_last": True}
    backbone = nn.Identity()
    backbone.num_features = train[0].shape[1]
    batch_size = cfg.optimizer.batch_size
    return train_classifier(
        _model(backbone, cfg),
        LINEAR,
        cfg,
        _loader(FeatureRows(*train, rows), batch_size, shuffle=True, drop_last=True),
        _loader(FeatureRows(*val), batch_size),
        ranking=ranking,
    )


class FeatureRows(Dataset):
    """Features that are read a batch at a time, which is faster than an image at a time.

    Args:
        features: ``[M, F]``, of any type.
        targets: the classes ``[M]`` or labels ``[M, C]``.
        rows: the indexes of the images to take; all by default.
    """

    def __init__(
        self, features: torch.Tensor, targets: torch.Tensor, rows: torch.Tensor | None = None
    ) -> None:
        self._features, self._targets, self._rows = features, targets, rows

    def __len__(self) -> int:
        return len(self._targets) if self._rows is None else len(self._rows)

    def __getitems__(self, indexes: list[int]) -> list[torch.Tensor]:
        """Return the features ``[N, F]`` in float32 and the targets of some images."""
        chosen = torch.tensor(indexes)
        if self._rows is not None:
            chosen = self._rows[chosen]
        return [self._features[chosen].float(), self._targets[chosen]]


def _loader(rows: FeatureRows, batch_size: int, **options: bool) -> DataLoader:
    return DataLoader(rows, batch_size, collate_fn=lambda batch: batch, **options)


def _model(backbone: nn.Module, cfg: DictConfig) -> Any:
    seed_everything(cfg.seed, workers=True)
    # The backbone of a checkpoint is in evaluation mode, and Lightning would finetune it so.
    return host().LinearModel(backbone, cfg=cfg).train()


def parse_linear(cfg: DictConfig) -> DictConfig:
    """Check a composed configuration of ``scripts/linear``; see ``parse_classifier``."""
    return parse_classifier(cfg, LINEAR)
