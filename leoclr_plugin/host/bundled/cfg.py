"""solo-learn's configuration schema: its defaults, and the values that it derives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from leoclr_plugin.config.datasets import MULTILABEL_SETS
from leoclr_plugin.errors import check_known
from leoclr_plugin.host.bundled.backbones import BACKBONES

_N_CLASSES = {
    "cifar10": 10,
    "cifar100": 100,
    "stl10": 10,
    "imagenet": 1000,
    "imagenet100": 100,
    "imagenette": 10,
    **MULTILABEL_SETS,
}
SHARED_DEFAULTS: dict[str, Any] = {
    "checkpoint": {},
    "checkpoint.enabled": False,
    "checkpoint.dir": "trained_models",
    "checkpoint.frequency": 1,
    "checkpoint.keep_prev": False,
    "auto_resume": {},
    "auto_resume.enabled": False,
    "auto_resume.max_hours": 36,
    "data.format": "image_folder",
    "data.fraction": -1,
    "wandb": {},
    "wandb.enabled": False,
    "wandb.entity": None,
    "wandb.project": "solo-learn",
    "wandb.offline": False,
    "seed": 5,
    "resume_from_checkpoint": None,
    "strategy": None,
    "num_nodes": 1,
    "optimizer.kwargs": {},
}
_PRETRAIN_DEFAULTS = {
    "data.val_path": None,
    "data.no_labels": False,
    "debug_augmentations": False,
}
_LINEAR_DEFAULTS = {
    "backbone.kwargs": {},
    "pretrain_method": None,
    "auto_augment": False,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "data.augmentations": {},
    "data.augmentations.crop_size": 224,
    "data.augmentations.mean": list(IMAGENET_DEFAULT_MEAN),
    "data.augmentations.std": list(IMAGENET_DEFAULT_STD),
}
_OPTIMIZER_DEFAULTS = {
    "sgd": {"momentum": 0.9},
    "lars": {"momentum": 0.9, "eta": 1e-3, "clip_lr": False, "exclude_bias_n_norm": False},
    "adamw": {"betas": [0.9, 0.999]},
}


def omegaconf_select(cfg: DictConfig, key: str, default: Any = None) -> Any:
    """Select a key as ``OmegaConf.select`` does, but read the string ``"None"`` as None."""
    value = OmegaConf.select(cfg, key, default=default)
    return None if value == "None" else value


def set_defaults(cfg: DictConfig, defaults: dict[str, Any]) -> None:
    """Set each key of ``defaults`` in ``cfg`` that has no value yet."""
    for key, default in defaults.items():
        OmegaConf.update(cfg, key, omegaconf_select(cfg, key, default), force_add=True)


def parse_pretrain_cfg(cfg: DictConfig) -> DictConfig:
    """Fill in the defaults of a pretraining run, count its views and scale its learning rates.

    It sets ``data.num_classes``, ``data.num_large_crops`` and ``data.num_small_crops``; a crop is
    large if it has the ``crop_size`` of the first pipeline. It multiplies ``optimizer.lr`` and
    ``optimizer.classifier_lr`` by batch size x devices x nodes / 256. As in solo-learn the
    classifier's rate is only scaled if there is a validation set.
    """
    set_defaults(cfg, {**SHARED_DEFAULTS, **_PRETRAIN_DEFAULTS})
    _set_num_classes(cfg)

    large_size = cfg.augmentations[0].crop_size
    large = [p.num_crops for p in cfg.augmentations if p.crop_size == large_size]
    cfg.data.num_large_crops = sum(large)
    cfg.data.num_small_crops = sum(p.num_crops for p in cfg.augmentations) - sum(large)

    scale = _lr_scale(cfg)
    cfg.optimizer.lr = cfg.optimizer.lr * scale
    if cfg.data.val_path is not None:
        cfg.optimizer.classifier_lr = cfg.optimizer.classifier_lr * scale
    _set_optimizer_defaults(cfg)
    return cfg


def parse_linear_cfg(cfg: DictConfig) -> DictConfig:
    """Fill in a linear probe's defaults and scale its rate as ``parse_pretrain_cfg`` does."""
    set_defaults(cfg, {**SHARED_DEFAULTS, **_LINEAR_DEFAULTS})
    check_known("backbone.name", cfg.backbone.name, BACKBONES, "a backbone")
    _set_num_classes(cfg)
    cfg.optimizer.lr = cfg.optimizer.lr * _lr_scale(cfg)
    _set_optimizer_defaults(cfg)
    return cfg


def _set_num_classes(cfg: DictConfig) -> None:
    if cfg.data.dataset in _N_CLASSES:
        cfg.data.num_classes = _N_CLASSES[cfg.data.dataset]
    else:
        # Images without classes still need a classifier, so they count as one class. The loaders
        # count the classes of images that do not lie in one folder.
        path = cfg.data.train_path
        is_folder = isinstance(path, str) and Path(path).is_dir()
        folders = sum(entry.is_dir() for entry in Path(path).iterdir()) if is_folder else 0
        cfg.data.num_classes = max(1, folders)


def _lr_scale(cfg: DictConfig) -> float:
    return cfg.optimizer.batch_size * len(cfg.devices) * cfg.num_nodes / 256


def _set_optimizer_defaults(cfg: DictConfig) -> None:
    for key, value in _OPTIMIZER_DEFAULTS.get(cfg.optimizer.name, {}).items():
        set_defaults(cfg, {f"optimizer.kwargs.{key}": value})
