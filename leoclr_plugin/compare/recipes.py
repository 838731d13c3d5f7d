"""What each method is trained with: the comparison's data and views, else its own recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config import scripts_folder
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.errors import UserError
from leoclr_plugin.files import read_text
from leoclr_plugin.host import host
from leoclr_plugin.overrides import parse_overrides

# The nodes that are a method's own; all others are the comparison's.
_OWN = ("method_kwargs", "momentum", "optimizer", "scheduler")
# The data set whose recipes the host tuned for ResNet-18.
_TUNED_ON = "imagenet-100"
_WARMUP_EPOCHS = 10  # the host's default


def method_config(
    base: DictConfig, config: str, method: str, epochs: int, images: int, overrides: Sequence[str]
) -> tuple[DictConfig, list[str]]:
    """The configuration of one method, and how it deviates from its recipe.

    Args:
        base: the comparison's configuration, of leoclr: data, backbone, views, batch size.
        config: its name or path.
        method: a name of the host's methods.
        epochs: of pretraining.
        images: of the training set.
        overrides: the user's, which go before every recipe.

    Raises:
        UserError: where there is no recipe for the method.
    """
    cfg = copy.deepcopy(base)
    cfg.method = cfg.name = method
    cfg.max_epochs = epochs
    changes = []
    wanted = {override.key_or_group: override.value() for override in parse_overrides(overrides)}
    if method != base.method:
        # leoclr's pipelines without the anchor's, the last of them.
        cfg.augmentations = base.augmentations[:-1]
        recipe, source = find_recipe(config, method)
        for name in _OWN:
            if name in recipe:
                cfg[name] = copy.deepcopy(recipe[name])
            elif name in cfg:
                del cfg[name]
        cfg.optimizer.batch_size = base.optimizer.batch_size
        changes.append(f"recipe of {source}")
        if wanted.get("optimizer.name", cfg.optimizer.name) != cfg.optimizer.name:
            # Of another optimizer, they are not this one's.
            cfg.optimizer.pop("kwargs", None)
        for key, value in wanted.items():
            if key.split(".")[0] in _OWN:
                OmegaConf.update(cfg, key, value, force_add=True)
    return cfg, [*changes, *_fit_to_budget(cfg, images, wanted)]


def find_recipe(config: str, method: str) -> tuple[DictConfig, str]:
    """The packaged recipe of a method for a configuration's data set, else the host's.

    Returns:
        The configuration, and where it is from.

    Raises:
        UserError: where there is none.
    """
    path = Path(config)
    folder = path.parent if path.suffix == ".yaml" else _packaged(config)
    if (folder / f"{method}.yaml").is_file():
        return OmegaConf.load(folder / f"{method}.yaml"), f"{folder.name}/{method}.yaml"
    if host().configs is not None:
        for file in sorted((host().configs / _TUNED_ON).glob("*.y*ml")):
            # The host's files are not all called as their methods are, and one ends in .yml.
            if yaml.safe_load(read_text(file)).get("method") == method:
                return OmegaConf.load(file), f"{host().name}'s {_TUNED_ON}/{file.name}"
        hint = f"a {method}.yaml beside a config file of your own is one"
    else:
        hint = "leoclr host install brings solo-learn's"
    raise UserError(
        f"there is no recipe for {method} beside {config} and none in the {host().name} host; "
        f"{hint}"
    )


def _packaged(config: str) -> Path:
    return scripts_folder() / "pretrain" / Path(config).parent


def _fit_to_budget(cfg: DictConfig, images: int, wanted: Mapping[str, Any]) -> list[str]:
    # What is written for hundreds of epochs of a large data set would not come to act.
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
        if value is not None and value > limit and key not in wanted:
            OmegaConf.update(cfg, key, limit, force_add=True)
            changes.append(f"{key} {limit} instead of {value}")
    return changes
