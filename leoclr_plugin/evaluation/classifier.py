"""What the trainings of a classifier on a checkpoint share: the linear probe and fine-tuning."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule
from omegaconf import DictConfig

from leoclr_plugin.config import config_names
from leoclr_plugin.config.check import check_config
from leoclr_plugin.config.targets import take_backbone_target
from leoclr_plugin.data.datasets import class_names, take_number_of_classes
from leoclr_plugin.data.loaders import Loader
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.evaluation.finite import check_score
from leoclr_plugin.host import host
from leoclr_plugin.training.fit import fit, validate
from leoclr_plugin.training.multilabel import ValidationMAP
from leoclr_plugin.training.resume import resume
from leoclr_plugin.training.trainer import build_trainer, settle_hardware

_FOLDERS = {"cifar10": "cifar", "cifar100": "cifar", "imagenet100": "imagenet-100"}


def config_of(dataset: str, command: str) -> str:
    """Return the name of a data set's packaged configuration; the default is ``custom``'s.

    Args:
        dataset: the name of the data set.
        command: ``"linear"`` or ``"finetune"``.
    """
    name = f"{_FOLDERS.get(dataset, dataset)}/leoclr"
    return name if name in config_names(command) else "custom/leoclr"


def parse_classifier(cfg: DictConfig, command: str) -> DictConfig:
    """Check a composed configuration and fill it in as the host does.

    Args:
        cfg: a configuration of ``scripts/<command>``.
        command: ``"linear"`` or ``"finetune"``.

    Raises:
        UserError: for a missing or unsupported key, a value out of its range, and missing hardware.
    """
    take_backbone_target(cfg)
    check_config(cfg, command, {"backbone.name": host().BaseMethod._BACKBONES})
    settle_hardware(cfg)
    cfg = host().parse_linear_cfg(cfg)
    take_number_of_classes(cfg.data)
    return cfg


def train_classifier(
    model: LightningModule,
    command: str,
    cfg: DictConfig,
    train: Loader,
    val: Loader,
    sampler: ShardSampler | None = None,
    ranking: ValidationMAP | None = None,
) -> dict[str, Any]:
    """Train a model with a ``classifier``, or resume its training, and evaluate it.

    An interrupted training can be resumed like a pretraining. A complete one is only validated
    again.

    Args:
        model: the host's linear model, or one that logs the same figures.
        command: ``"linear"`` or ``"finetune"``, the folder of the runs under ``checkpoint.dir``.
        cfg: a configuration after ``parse_classifier``.
        train: gives batches ``[images, targets]``.
        val: gives the batches of the validation set.
        sampler: the sampler of ``train``, if an interrupted epoch is to be continued.
        ranking: keeps the scores of the validation images, if they have several labels.

    Returns:
        ``top1`` and ``top5`` in percent on the validation set after the last epoch, or ``mAP`` and
        ``AP`` of each class if images have several labels; and ``loss`` and ``epochs``.
    """
    earlier = resume(cfg, command, model)
    classes = class_names(cfg.data)
    ranking = ranking or ValidationMAP(classes or ())
    callbacks = [ranking] if classes else []
    trainer = build_trainer(cfg, command, callbacks, sampler, earlier)
    if earlier is not None and earlier.complete:
        validate(trainer, model, val)
    else:
        fit(trainer, model, train, val, earlier)
    metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
    network = cfg.get("pretrained_feature_extractor") or "the network"
    check_score("the classifier's loss on the validation images", metrics["val_loss"], network)
    if classes:
        result = {"mAP": metrics["val_mAP"], "AP": ranking.by_class}
    else:
        result = {"top1": metrics["val_acc1"], "top5": metrics["val_acc5"]}
    return {**result, "loss": metrics["val_loss"], "epochs": cfg.max_epochs}
