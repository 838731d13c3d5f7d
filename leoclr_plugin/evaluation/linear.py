"""The linear probe of a frozen backbone."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.data.loaders import linear_train_loader, val_loader
from leoclr_plugin.host import host
from leoclr_plugin.training.failures import naming_unreadable_images
from leoclr_plugin.training.trainer import build_trainer, settle_hardware


def linear(backbone: nn.Module, cfg: DictConfig, size: tuple[int, int]) -> dict[str, Any]:
    """Train the host's ``LinearModel`` on ``backbone``, which stays as it is.

    Args:
        backbone: features ``[N, F]`` of images.
        cfg: a composed configuration of ``scripts/linear``.
        size: height and width in pixels of the images.

    Returns:
        ``top1`` and ``top5`` in percent on the validation set after the last epoch, ``loss`` and
        ``epochs``.
    """
    settle_hardware(cfg)
    cfg = host().parse_linear_cfg(cfg)
    seed_everything(cfg.seed, workers=True, verbose=False)
    model = host().LinearModel(backbone, cfg=cfg)
    train, val = linear_train_loader(cfg, size), val_loader(cfg, size)
    callbacks = []
    if cfg.checkpoint.enabled:
        checkpoint = cfg.checkpoint
        logdir = f"{checkpoint.dir}/linear"
        callbacks.append(
            host().Checkpointer(cfg, logdir, checkpoint.frequency, checkpoint.keep_prev)
        )
    trainer = build_trainer(cfg, callbacks, "linear")
    with naming_unreadable_images(train.dataset):
        trainer.fit(model, train, val)
    metrics = trainer.callback_metrics
    return {
        "top1": float(metrics["val_acc1"]),
        "top5": float(metrics["val_acc5"]),
        "loss": float(metrics["val_loss"]),
        "epochs": cfg.max_epochs,
    }
