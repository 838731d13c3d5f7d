"""Values that YAML and Hydra read as numbers, and that are meant as texts or as lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.overrides import quote
from leoclr_plugin.config.rules import value_of
from leoclr_plugin.config.schema import read_as


def as_meant(override: Override) -> str:
    """Write an override so that Hydra reads it as the declaration of its key means it.

    ``checkpoint.dir=2024_01`` is the folder of this name, where Hydra reads the number 202401, and
    ``devices=0,1`` is a list, where it reads two trainings.
    """
    written, key = override.input_line, override.key_or_group
    if override.is_delete() or "=" not in written:
        return written
    name, _, value = written.partition("=")
    if override.is_sweep_override():
        listed = key in read_as("list") and override.is_choice_sweep()
        return f"{name}=[{value}]" if listed and "(" not in value else written
    number = isinstance(override.value(), bool | int | float)
    return f"{name}={quote(value)}" if number and key in read_as("text", "path") else written


def settle_texts(cfg: DictConfig, path: Path) -> None:
    """Make texts of the numbers that the declared texts and paths of ``cfg`` have, in place.

    Args:
        cfg: the composed configuration; the ``~`` that a path begins with becomes the home.
        path: the YAML file it was composed from, which has the letters that were written.
    """
    written = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)
    for key in read_as("text", "path"):
        value = OmegaConf.select(cfg, key)
        if isinstance(value, bool | int | float):
            OmegaConf.update(cfg, key, _as_written(value, value_of(written, key)))
        elif isinstance(value, str) and value.startswith("~") and key in read_as("path"):
            OmegaConf.update(cfg, key, str(Path(value).expanduser()))


def _as_written(value: Any, written: Any) -> str:
    # A value from elsewhere, such as a file of the defaults list, has no letters here.
    same = isinstance(written, str) and yaml.safe_load(written) == value
    return written if same else str(value)
