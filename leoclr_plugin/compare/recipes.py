"""Make each method's configuration: data and views of the comparison, the rest of its recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config import scripts_folder
from leoclr_plugin.config.overrides import parse_overrides
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.system.files import read_text

# These nodes come from the method's recipe, and all others from the comparison's configuration.
_RECIPE_NODES = ("method_kwargs", "momentum", "optimizer", "scheduler")
# solo-learn tuned its recipes for ResNet-18 on this data set.
_TUNED_DATASET = "imagenet-100"
_WARMUP_EPOCHS = 10  # the host's default


def method_config(
    base: DictConfig, config: str, method: str, epochs: int, images: int, overrides: Sequence[str]
) -> tuple[DictConfig, list[str]]:
    """Make the configuration of one method and describe where it comes from.

    Args:
        base: the comparison's configuration, which is made for leoclr. It gives the data, the
            backbone, the views and the batch size.
        config: name or path of ``base``.
        method: name of one of the host's methods.
        epochs: number of pretraining epochs.
        images: number of training images.
        overrides: overrides of the command line, which take precedence over every recipe.

    Returns:
        The configuration, and lines that name its recipe and the values that were changed to fit
        the budget.

    Raises:
        UserError: when there is no recipe for the method.
    """
    cfg = copy.deepcopy(base)
    cfg.method = cfg.name = method
    cfg.max_epochs = epochs
    changes = []
    user_values = {
        override.key_or_group: override.value() for override in parse_overrides(overrides)
    }
    if method != base.method:
        # Other methods get leoclr's crops without the original, which is the last pipeline.
        cfg.augmentations = base.augmentations[:-1]
        recipe, source = find_recipe(config, method)
        for name in _RECIPE_NODES:
            if name in recipe:
                cfg[name] = copy.deepcopy(recipe[name])
            elif name in cfg:
                del cfg[name]
        cfg.optimizer.batch_size = base.optimizer.batch_size
        changes.append(f"recipe of {source}")
        if user_values.get("optimizer.name", cfg.optimizer.name) != cfg.optimizer.name:
            # The recipe's kwargs are for its own optimizer and not for the user's.
            cfg.optimizer.pop("kwargs", None)
        for key, value in user_values.items():
            if key.split(".")[0] in _RECIPE_NODES:
                OmegaConf.update(cfg, key, value, force_add=True)
    return cfg, [*changes, *_fit_to_budget(cfg, images, user_values)]


def find_recipe(config: str, method: str) -> tuple[DictConfig, str]:
    """Find a method's recipe beside the configuration, or the host's recipe if there is none.

    Returns:
        The recipe, and a short text that says where it is from.

    Raises:
        UserError: when there is no recipe.
    """
    path = Path(config)
    folder = path.parent if path.suffix == ".yaml" else _packaged(config)
    if (folder / f"{method}.yaml").is_file():
        return OmegaConf.load(folder / f"{method}.yaml"), f"{folder.name}/{method}.yaml"
    if host().configs is not None:
        for file in sorted((host().configs / _TUNED_DATASET).glob("*.y*ml")):
            # Some of the host's files do not have the name of their method, and one ends in .yml.
            if yaml.safe_load(read_text(file)).get("method") == method:
                return OmegaConf.load(file), f"{host().name}'s {_TUNED_DATASET}/{file.name}"
        hint = f"write a {method}.yaml beside a config file of your own"
    else:
        hint = "leoclr host install installs solo-learn's recipes"
    raise UserError(
        f"there is no recipe for {method} beside {config} and none in the {host().name} host; "
        f"{hint}"
    )


def _packaged(config: str) -> Path:
    return scripts_folder() / "pretrain" / Path(config).parent


def _fit_to_budget(cfg: DictConfig, images: int, user_values: Mapping[str, Any]) -> list[str]:
    # Recipes are made for hundreds of epochs on a large data set. In a short training a warmup
    # would take too long, and a queue would start too late or never be full.
    changes, batch_size = [], processes(cfg) * cfg.optimizer.batch_size
    limits = {
        "scheduler.warmup_epochs": cfg.max_epochs / 10,
        "method_kwargs.warmup_teacher_temperature_epochs": cfg.max_epochs // 4,
        "method_kwargs.epoch_queue_starts": cfg.max_epochs // 4,
        "method_kwargs.queue_size": images // batch_size * batch_size,
    }
    for key, limit in limits.items():
        default = _WARMUP_EPOCHS if key == "scheduler.warmup_epochs" else None
        value = OmegaConf.select(cfg, key, default=default)
        if value is not None and value > limit and key not in user_values:
            OmegaConf.update(cfg, key, limit, force_add=True)
            changes.append(f"{key} {limit} instead of {value}")
    return changes
