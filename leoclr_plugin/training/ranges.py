"""Ranges of the numbers that every training has."""

from __future__ import annotations

import math

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.errors import check_number

# Least, largest, and whether it must be whole; max_epochs=-1 is Lightning's for one without end.
_RANGES = {
    "seed": (0, 2**32 - 1, True),
    "max_epochs": (-1, math.inf, True),
    "data.num_workers": (0, math.inf, True),
    "optimizer.batch_size": (1, math.inf, True),
    "optimizer.lr": (0, math.inf, False),
    "optimizer.weight_decay": (0, math.inf, False),
}


def check_numbers(cfg: DictConfig) -> None:
    """Check the numbers of a configuration, of ``scripts/pretrain`` or of ``scripts/linear``.

    Raises:
        UserError: naming the key, its value and its range.
    """
    for key, (low, high, whole) in _RANGES.items():
        value = OmegaConf.select(cfg, key)
        if value is not None:
            check_number(key, value, low, high, whole)
