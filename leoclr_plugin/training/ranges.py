"""What every training has: the keys it needs, and the ranges of its numbers."""

from __future__ import annotations

import math

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.errors import UserError, check_known, check_number

# What the host's classes of either kind read without a default.
_NEEDED = (
    "name",
    "backbone.name",
    "data.dataset",
    "data.train_path",
    "optimizer.name",
    "optimizer.batch_size",
    "optimizer.lr",
    "optimizer.weight_decay",
    "scheduler.name",
    "max_epochs",
)
# Least, largest, and whether it must be whole; max_epochs=-1 is Lightning's for one without end.
_RANGES = {
    "seed": (0, 2**32 - 1, True),
    "max_epochs": (-1, math.inf, True),
    "check_val_every_n_epoch": (1, math.inf, True),
    "checkpoint.frequency": (1, math.inf, True),
    "auto_resume.max_hours": (0, math.inf, False),
    "knn_eval.k": (1, math.inf, True),
    "data.num_workers": (0, math.inf, True),
    "optimizer.batch_size": (1, math.inf, True),
    "optimizer.lr": (0, math.inf, False),
    "optimizer.classifier_lr": (0, math.inf, False),
    "optimizer.weight_decay": (0, math.inf, False),
    "scheduler.warmup_epochs": (0, math.inf, False),
    "scheduler.warmup_start_lr": (0, math.inf, False),
    "scheduler.min_lr": (0, math.inf, False),
}
_SOME = {
    "max_epochs": "at least 1, or -1",
    "max_steps": "at least 1, or -1",
    "limit_train_batches": "a number of batches, or a part of an epoch",
}
_DISTANCES = ("cosine", "euclidean")


def check_present(cfg: DictConfig, *more: str) -> None:
    """Check that a configuration has what every training needs, and ``more`` keys.

    Raises:
        UserError: naming the first that is missing or has no value.
    """
    for key in (*_NEEDED, *more):
        if OmegaConf.select(cfg, key) in (None, ""):
            raise UserError(f"the config lacks {key}")


def check_numbers(cfg: DictConfig) -> None:
    """Check the numbers of a configuration, of ``scripts/pretrain`` or of ``scripts/linear``.

    Raises:
        UserError: naming the key, its value and what it may be.
    """
    for key, (low, high, whole) in _RANGES.items():
        value = OmegaConf.select(cfg, key)
        if value is not None:
            check_number(key, value, low, high, whole)
    for key, wanted in _SOME.items():
        if OmegaConf.select(cfg, key) == 0:
            raise UserError(f"{key}=0 is nothing to train in; it must be {wanted}")
    schedule = OmegaConf.select(cfg, "scheduler.name")
    if OmegaConf.select(cfg, "max_epochs") == -1 and schedule == "warmup_cosine":
        raise UserError(
            "max_epochs=-1 has no end, to which scheduler.name=warmup_cosine goes; set max_epochs, "
            "or scheduler.name=none"
        )
    distance = OmegaConf.select(cfg, "knn_eval.distance_func")
    if distance is not None:
        check_known("knn_eval.distance_func", distance, _DISTANCES, "a distance")
