"""One pretraining run of any of the host's methods."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import Callback, seed_everything
from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.config.check import check_config
from leoclr_plugin.data.dali import require_dali
from leoclr_plugin.data.datasets import class_names, take_classes_of_labels
from leoclr_plugin.data.loaders import pretrain_loader, val_loader
from leoclr_plugin.data.sampler import processes, sampler_of
from leoclr_plugin.data.views import view_size
from leoclr_plugin.errors import UserError, refused_values
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.batch_of_one import check_batch_norm
from leoclr_plugin.training.fit import fit
from leoclr_plugin.training.multilabel import ValidationMAP
from leoclr_plugin.training.resume import resume
from leoclr_plugin.training.trainer import build_trainer, settle_hardware

# All others take two large views; solo-learn's main_pretrain.py asks for them too.
_ANY_VIEWS = ("leoclr", "wmse", "mae")
# Where a batch's keys are put in at once: solo-learn's methods stop at an assertion in their first
# step.
_WHOLE_BATCHES = ("all4one", "mocov2plus", "nnbyol", "nnclr", "nnsiam", "ressl")
# They read the targets as one class for each image, in their losses or for what they log.
_ONE_CLASS = ("all4one", "nnbyol", "nnclr", "nnsiam", "supcon")


def pretrain(cfg: DictConfig, callbacks: Sequence[Callback] = ()) -> Path | None:
    """Train a method and return the folder with its checkpoint, ``args.json`` and metrics.

    Of a run that is resumed and complete, that is its own folder, and nothing is trained. Of
    Lightning's ``fast_dev_run``, which leaves nothing behind, it is None.

    Args:
        cfg: a composed configuration; changed in place as the host's ``parse_cfg`` does.
        callbacks: Lightning's, besides those of the configuration.

    Raises:
        UserError: for a configuration or data that cannot be trained on, before anything is
            written; for an unreadable image, naming it.
    """
    cfg = prepare(cfg)
    seed_everything(cfg.seed, workers=True)
    model = build_method(cfg)
    train = pretrain_loader(cfg)
    val = val_loader(cfg, input_size(cfg)) if has_validation(cfg) else None
    # The method has filled in its defaults, by which the host knows a run of this configuration.
    earlier = resume(cfg, cfg.method, model)
    if earlier is not None and earlier.complete:
        return earlier.checkpoint.parent

    classes = class_names(cfg.data)
    if classes and val is not None:
        callbacks = [*callbacks, ValidationMAP(classes)]
    trainer = build_trainer(cfg, cfg.method, callbacks, sampler_of(train), earlier)
    fit(trainer, model, train, val, earlier)
    return None if trainer.fast_dev_run else Path(trainer.loggers[-1].log_dir)


def prepare(cfg: DictConfig) -> DictConfig:
    """Check a configuration and fill it in as the host does.

    Raises:
        UserError: naming the key and what to do.
    """
    methods = [name for name in METHODS if name not in ("base", "linear")]
    backbones = host().BaseMethod._BACKBONES
    check_config(cfg, "pretrain", {"method": methods, "backbone.name": backbones})
    if OmegaConf.select(cfg, "data.format") == "dali":
        require_dali()
    if cfg.data.dataset == "custom" and not Path(cfg.data.train_path).is_dir():
        raise UserError(f"the data folder {cfg.data.train_path} is not there; set data.train_path")
    settle_hardware(cfg)
    cfg = host().parse_pretrain_cfg(cfg)
    take_classes_of_labels(cfg.data)
    large = cfg.data.num_large_crops
    if large != 2 and cfg.method not in _ANY_VIEWS:
        raise UserError(
            f"method={cfg.method} takes two views of the first pipeline's crop_size, and the "
            f"augmentations make {large}; change num_crops"
        )
    if class_names(cfg.data):
        _settle_several_labels(cfg)
    if OmegaConf.select(cfg, "knn_eval.enabled") and not has_validation(cfg):
        # Its features would be kept from epoch to epoch, for an evaluation that never comes.
        print("knn_eval.enabled=True needs labelled validation images; it is off", file=sys.stderr)
        cfg.knn_eval.enabled = False
    return cfg


def _settle_several_labels(cfg: DictConfig) -> None:
    if cfg.method in _ONE_CLASS:
        raise UserError(
            f"method={cfg.method} takes one class for each image, and the images have several "
            "labels; train it with data.no_labels=True and name the labels to the evaluators"
        )
    if OmegaConf.select(cfg, "knn_eval.enabled"):
        print(
            "knn_eval.enabled=True takes one class for each image; it is off, and leoclr knn "
            "measures images of several labels",
            file=sys.stderr,
        )
        cfg.knn_eval.enabled = False


def build_method(cfg: DictConfig) -> nn.Module:
    """Build the method of a parsed configuration, in the memory format it asks for.

    With ``performance.compile: True`` torch compiles its encoders at their first forward.

    Raises:
        UserError: for what the method refuses, a queue that its batches do not divide, views of a
            size that its backbone does not take, and a batch that is too small for batch norm.
    """
    with refused_values(f"method={cfg.method} refuses the configuration"):
        model = METHODS[cfg.method](cfg)
    if cfg.method in _WHOLE_BATCHES:
        _check_queue(model.queue_size, cfg)
    _check_size(model.backbone, cfg)
    check_batch_norm(model, cfg, {view_size(node) for node in cfg.augmentations})
    if not cfg.performance.disable_channel_last:
        model = model.to(memory_format=torch.channels_last)
    if cfg.performance.get("compile"):
        for name in ("backbone", "momentum_backbone"):
            if hasattr(model, name):
                getattr(model, name).compile()
    return model


def _check_queue(size: int, cfg: DictConfig) -> None:
    batch_size = cfg.optimizer.batch_size * processes(cfg)
    if size % batch_size:
        raise UserError(
            f"method_kwargs.queue_size={size} is not a multiple of the batch of {batch_size} over "
            f"all processes, as {cfg.method} needs; change one of them"
        )


def _check_size(backbone: nn.Module, cfg: DictConfig) -> None:
    # Of timm's transformers, whose positions are those of one size; before timm 0.9.8 of all.
    patches = getattr(backbone, "patch_embed", None)
    wanted = getattr(patches, "img_size", None)
    if wanted is None or not getattr(patches, "strict_img_size", True):
        return
    for i, node in enumerate(cfg.augmentations):
        size = node.crop_size
        if view_size(node) != tuple(wanted):
            raise UserError(
                f"augmentations[{i}].crop_size={size}, but {cfg.backbone.name} takes images of "
                f"{' x '.join(map(str, wanted))}; set +backbone.kwargs.img_size={size}, "
                "or +backbone.kwargs.dynamic_img_size=True for views of several sizes"
            )


def has_validation(cfg: DictConfig) -> bool:
    """Whether there is a labelled validation set to follow the training on."""
    return cfg.data.val_path is not None and not cfg.data.no_labels
