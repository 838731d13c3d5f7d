"""Values that YAML and Hydra would read as numbers although they are texts or lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.keys import about
from leoclr_plugin.config.online import OnlineSet
from leoclr_plugin.config.overrides import quote
from leoclr_plugin.config.schema import read_as
from leoclr_plugin.config.values import value_of


def as_meant(override: Override) -> str:
    """Write an override so that Hydra reads its value as the type that the key is declared with.

    Hydra would read the folder in ``checkpoint.dir=2024_01`` as the number 202401, and
    ``devices=0,1`` as two trainings instead of a list.
    """
    written, key = override.input_line, override.key_or_group
    if override.is_delete() or "=" not in written:
        return written
    name, _, value = written.partition("=")
    if override.is_sweep_override():
        is_list = key in read_as("list") and override.is_choice_sweep()
        return f"{name}=[{value}]" if is_list and "(" not in value else written
    number = isinstance(override.value(), bool | int | float)
    return f"{name}={quote(value)}" if number and key in read_as("text", "path") else written


def settle_texts(cfg: DictConfig, path: Path) -> None:
    """Turn numbers into texts where ``cfg`` has keys that are declared as texts or paths, in place.

    Args:
        cfg: the composed configuration; a path's leading ``~`` becomes the home folder.
        path: the YAML file that it was composed from; it shows how a number was written.
    """
    # This loader makes texts, lists and mappings, and no other objects.
    written = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)  # nosec B506
    reads = dict.fromkeys(read_as("text"), "text") | dict.fromkeys(read_as("path"), "path")
    for key, kind in (reads | _reads_of_online_sets(cfg)).items():
        value = OmegaConf.select(cfg, key)
        if isinstance(value, bool | int | float):
            OmegaConf.update(cfg, key, _as_written(value, value_of(written, key)))
        elif OmegaConf.is_list(value) and kind == "path":
            OmegaConf.update(cfg, key, [_in_home(item) for item in value])
        elif isinstance(value, str) and kind == "path":
            OmegaConf.update(cfg, key, _in_home(value))


def _reads_of_online_sets(cfg: DictConfig) -> dict[str, str]:
    sets = OmegaConf.select(cfg, "data.online")
    names = list(sets) if OmegaConf.is_dict(sets) else []
    declared = {key: about(field).reads for key, field in OnlineSet.model_fields.items()}
    return {
        f"data.online.{name}.{key}": kind
        for name in names
        for key, kind in declared.items()
        if kind in ("text", "path")
    }


def _in_home(path: Any) -> Any:
    is_in_home = isinstance(path, str) and path.startswith("~")
    return str(Path(path).expanduser()) if is_in_home else path


def _as_written(value: Any, written: Any) -> str:
    # A value from another file, such as one of the defaults list, is not in this file.
    same = isinstance(written, str) and yaml.safe_load(written) == value
    return written if same else str(value)
