"""The linear probe of a frozen backbone."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from leoclr_plugin.config import config_names
from leoclr_plugin.config.check import check_config
from leoclr_plugin.config.targets import take_backbone_target
from leoclr_plugin.data.datasets import class_names, take_number_of_classes
from leoclr_plugin.data.loaders import Loader
from leoclr_plugin.data.sampler import ShardSampler, sampler_of
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.finite import check_score
from leoclr_plugin.host import host
from leoclr_plugin.training.fit import fit, validate
from leoclr_plugin.training.multilabel import ValidationMAP
from leoclr_plugin.training.resume import resume
from leoclr_plugin.training.trainer import build_trainer, settle_hardware

_FOLDERS = {"cifar10": "cifar", "cifar100": "cifar", "imagenet100": "imagenet-100"}


def linear_config_name(dataset: str) -> str:
    """Return the name of a data set's packaged probe configuration; the default is ``custom``'s."""
    name = f"{_FOLDERS.get(dataset, dataset)}/leoclr"
    return name if name in config_names("linear") else "custom/leoclr"


def linear(backbone: nn.Module, cfg: DictConfig, train: Loader, val: Loader) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on a backbone, which is frozen unless ``cfg.finetune``.

    An interrupted training can be resumed like a pretraining. A complete one is only validated
    again.

    Args:
        backbone: maps images to features ``[N, F]``.
        cfg: a parsed configuration of ``scripts/linear``, see ``parse_linear``.
        train: gives batches ``[images, targets]``.
        val: gives the batches of the validation set.

    Returns:
        ``top1`` and ``top5`` in percent on the validation set after the last epoch, or ``mAP`` and
        ``AP`` of each class if images have several labels; and ``loss`` and ``epochs``.
    """
    return _train(backbone, cfg, train, val, sampler_of(train))


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
    return _train(
        backbone,
        cfg,
        DataLoader(TensorDataset(*train), batch_size, shuffle=True, drop_last=True),
        DataLoader(TensorDataset(*val), batch_size),
        ranking=ranking,
    )


def _train(
    backbone: nn.Module,
    cfg: DictConfig,
    train: Loader,
    val: Loader,
    sampler: ShardSampler | None = None,
    ranking: ValidationMAP | None = None,
) -> dict[str, Any]:
    seed_everything(cfg.seed, workers=True)
    # The backbone of a checkpoint is in evaluation mode, and Lightning would finetune it so.
    model = host().LinearModel(backbone, cfg=cfg).train()
    earlier = resume(cfg, "linear", model)
    classes = class_names(cfg.data)
    ranking = ranking or ValidationMAP(classes or ())
    callbacks = [ranking] if classes else []
    trainer = build_trainer(cfg, "linear", callbacks, sampler, earlier)
    if earlier is not None and earlier.complete:
        validate(trainer, model, val)
    else:
        fit(trainer, model, train, val, earlier)
    metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
    network = cfg.get("pretrained_feature_extractor") or "the network"
    check_score("the probe's loss on the validation images", metrics["val_loss"], network)
    if classes:
        result = {"mAP": metrics["val_mAP"], "AP": ranking.by_class}
    else:
        result = {"top1": metrics["val_acc1"], "top5": metrics["val_acc5"]}
    return {**result, "loss": metrics["val_loss"], "epochs": cfg.max_epochs}


def parse_linear(cfg: DictConfig) -> DictConfig:
    """Check a composed configuration of ``scripts/linear`` and fill it in as the host does.

    Raises:
        UserError: for a missing or unsupported key, a value out of its range, and missing hardware.
    """
    take_backbone_target(cfg)
    check_config(cfg, "linear", {"backbone.name": host().BaseMethod._BACKBONES})
    settle_hardware(cfg)
    cfg = host().parse_linear_cfg(cfg)
    take_number_of_classes(cfg.data)
    return cfg
