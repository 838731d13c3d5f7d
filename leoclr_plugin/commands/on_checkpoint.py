"""The configuration of the commands that train on a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from leoclr_plugin.checkpoints.reading import CheckpointFolder
    from leoclr_plugin.zoo.source import ZooSource


def load_config_for(
    source: CheckpointFolder | ZooSource,
    command: str,
    config: str | None,
    overrides: Sequence[str],
) -> DictConfig:
    """Compose the configuration of a command for a checkpoint.

    The data is the checkpoint's own, unless the user names other data.

    Args:
        source: the checkpoint, or the model of the zoo.
        command: ``"linear"`` or ``"finetune"``.
        config: a name under ``scripts/<command>`` or a file; None for that of the data set.
        overrides: the user's changes in Hydra's syntax.

    Raises:
        UserError: see ``load_config``; and if a change contradicts the checkpoint.
    """
    from leoclr_plugin.config.overrides import parse_overrides
    from leoclr_plugin.data.levels import channels_of, reading_of
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.classifier import config_of
    from leoclr_plugin.evaluation.data import take_lists

    config = config or config_of(source.cfg.data.dataset, command)
    changed = {override.key_or_group for override in parse_overrides(overrides)}
    # The network knows images of its own channels and levels only.
    reading = [f"++data.{key}={value}" for key, value in reading_of(source.cfg.data).items()]
    cfg = load_fixed(
        source, command, config, [*reading, *overrides], _default_data(source, changed)
    )
    channels, its_own = (channels_of(data) for data in (cfg.data, source.cfg.data))
    if channels != its_own:
        raise UserError(
            f"data.channels={channels}, but the checkpoint's is {its_own}; leave it out"
        )
    take_lists(cfg.data, source.cfg.data)
    return cfg


def load_fixed(
    source: CheckpointFolder | ZooSource,
    command: str,
    config: str,
    overrides: Sequence[str],
    defaults: Mapping[str, Any] | None = None,
) -> DictConfig:
    """Compose the configuration of a command with the checkpoint's name, method and backbone.

    Args:
        source: the checkpoint, or the model of the zoo.
        command: the folder of ``scripts``.
        config: a name under it, or a file.
        overrides: the user's changes in Hydra's syntax.
        defaults: values by dotted key that the user's changes may replace.

    Raises:
        UserError: see ``load_config_for``.
    """
    from omegaconf import OmegaConf

    from leoclr_plugin.config import load_config
    from leoclr_plugin.config.overrides import as_value
    from leoclr_plugin.errors import UserError

    fixed = _fixed_keys(source)
    values = {**fixed, **(defaults or {})}
    first = [f"++{key}={as_value(value)}" for key, value in values.items()]
    cfg = load_config(config, command, [*first, *overrides])
    for key, value in fixed.items():
        given = OmegaConf.select(cfg, key)
        if str(given) != str(value):
            raise UserError(f"{key}={given}, but the checkpoint's is {value}; leave it out")
    return cfg


def _fixed_keys(source: CheckpointFolder | ZooSource) -> dict[str, Any]:
    """Return the keys that must have the checkpoint's values."""
    return {
        "pretrained_feature_extractor": source.checkpoint,
        "pretrain_method": source.cfg.method,
        "backbone.name": source.cfg.backbone.name,
    }


def _default_data(source: CheckpointFolder | ZooSource, changed: set[str]) -> dict[str, Any]:
    """Return the checkpoint's data, which is used unless the user names other data."""
    from omegaconf import OmegaConf

    from leoclr_plugin.evaluation.data import source_of

    keys = ("data.dataset", "data.train_path", "data.val_path")
    values = {key: OmegaConf.select(source.cfg, key) for key in keys}
    if not changed.intersection(keys):
        # The labels files and the kind of source belong to the checkpoint's own images.
        labels = ("data.labels", "data.val_labels")
        values |= {key: OmegaConf.select(source.cfg, key) for key in labels}
        values |= {f"data.{key}": value for key, value in source_of(source.cfg.data).items()}
    return {key: value for key, value in values.items() if value}
