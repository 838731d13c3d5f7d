"""The linear probe of a frozen backbone."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from leoclr_plugin.config.check import check_config
from leoclr_plugin.data.loaders import Loader
from leoclr_plugin.data.sampler import ShardSampler, sampler_of
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.host import host
from leoclr_plugin.training.fit import fit, validate
from leoclr_plugin.training.resume import resume
from leoclr_plugin.training.trainer import build_trainer, settle_hardware

_FOLDERS = {"cifar10": "cifar", "cifar100": "cifar", "imagenet100": "imagenet-100"}


def linear_config_name(dataset: str) -> str:
    """The packaged configuration of the probe for a data set."""
    return f"{_FOLDERS.get(dataset, dataset)}/leoclr"


def linear(backbone: nn.Module, cfg: DictConfig, train: Loader, val: Loader) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on ``backbone``, which stays as it is.

    Interrupted and gone on with as a pretraining is; what is complete is only measured anew.

    Args:
        backbone: features ``[N, F]`` of images.
        cfg: a parsed configuration of ``scripts/linear``, see ``parse_linear``.
        train: batches ``[images, targets]``.
        val: the same of the validation set.

    Returns:
        ``top1`` and ``top5`` in percent on the validation set after the last epoch, ``loss`` and
        ``epochs``.
    """
    return _train(backbone, cfg, train, val, sampler_of(train))


def linear_on_features(cfg: DictConfig, train: Features, val: Features) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on features that were extracted once, unaugmented.

    Takes seconds where ``linear`` encodes every image anew in every epoch. Arguments and result
    are those of ``linear``, with features ``[M, F]`` and targets ``[M]`` in place of the loaders.
    """
    # A matrix of features has no channels to put last.
    cfg.performance = {"disable_channel_last": True}
    backbone = nn.Identity()
    backbone.num_features = train[0].shape[1]
    batch_size = cfg.optimizer.batch_size
    return _train(
        backbone,
        cfg,
        DataLoader(TensorDataset(*train), batch_size, shuffle=True, drop_last=True),
        DataLoader(TensorDataset(*val), batch_size),
    )


def _train(
    backbone: nn.Module,
    cfg: DictConfig,
    train: Loader,
    val: Loader,
    sampler: ShardSampler | None = None,
) -> dict[str, Any]:
    seed_everything(cfg.seed, workers=True)
    # A checkpoint's backbone is in evaluation mode, in which Lightning would leave a finetuned one.
    model = host().LinearModel(backbone, cfg=cfg).train()
    earlier = resume(cfg, "linear", model)
    trainer = build_trainer(cfg, "linear", sampler=sampler, earlier=earlier)
    if earlier is not None and earlier.complete:
        validate(trainer, model, val)
    else:
        fit(trainer, model, train, val, earlier)
    metrics = trainer.callback_metrics
    return {
        "top1": float(metrics["val_acc1"]),
        "top5": float(metrics["val_acc5"]),
        "loss": float(metrics["val_loss"]),
        "epochs": cfg.max_epochs,
    }


def parse_linear(cfg: DictConfig) -> DictConfig:
    """Fill in a composed configuration of ``scripts/linear`` as the host does.

    Raises:
        UserError: for a key that is missing or not taken, a number out of its range, and hardware
            that is not there.
    """
    check_config(cfg, "linear", {"backbone.name": host().BaseMethod._BACKBONES})
    settle_hardware(cfg)
    return host().parse_linear_cfg(cfg)
