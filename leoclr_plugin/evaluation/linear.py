"""The linear probe of a frozen backbone."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

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
    cfg: DictConfig, train: Features, val: Features, ranking: ValidationMAP | None = None
) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on features that were extracted once, without augmentation.

    This takes seconds, because no epoch encodes the images again as ``linear`` does. The result is
    that of ``linear``.

    Args:
        cfg: see ``linear``.
        train: features ``[M, F]`` and targets ``[M]`` of the training images.
        val: features and targets of the validation images.
        ranking: keeps the scores of the validation images, if they have several labels.
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
        DataLoader(TensorDataset(*train), batch_size, shuffle=True, drop_last=True),
        DataLoader(TensorDataset(*val), batch_size),
        ranking=ranking,
    )


def _model(backbone: nn.Module, cfg: DictConfig) -> Any:
    seed_everything(cfg.seed, workers=True)
    # The backbone of a checkpoint is in evaluation mode, and Lightning would finetune it so.
    return host().LinearModel(backbone, cfg=cfg).train()


def parse_linear(cfg: DictConfig) -> DictConfig:
    """Check a composed configuration of ``scripts/linear``; see ``parse_classifier``."""
    return parse_classifier(cfg, LINEAR)
