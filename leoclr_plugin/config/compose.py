"""Finding and composing the YAML configurations under ``scripts/``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from leoclr_plugin.config.overrides import parse_overrides
from leoclr_plugin.config.texts import as_meant, settle_texts
from leoclr_plugin.errors import UserError, one_line, suggestion

_NOT_THERE = re.compile(r"Could not override '([^']+)'")


def scripts_folder() -> Path:
    """The packaged ``scripts/``: inside the wheel, or in the checkout."""
    spec = find_spec("leoclr_plugin.scripts")
    if spec is None:
        # A checkout on the path that was not installed.
        return Path(__file__).resolve().parents[2] / "scripts"
    return Path(next(iter(spec.submodule_search_locations)))


def config_names(kind: str) -> list[str]:
    """Names of the packaged configurations of a kind (``pretrain``, ``linear``)."""
    folder = scripts_folder() / kind
    found = (path.relative_to(folder).with_suffix("") for path in folder.glob("*/*.yaml"))
    return sorted(path.as_posix() for path in found)


def find_config(config: str, kind: str) -> Path:
    """Return the YAML file of ``config``.

    Args:
        config: a name under ``scripts/<kind>`` such as ``imagenette/leoclr``, or a path.
        kind: ``"pretrain"`` or ``"linear"``.

    Raises:
        UserError: where there is none; near names are suggested.
    """
    path = Path(config)
    if path.suffix == ".yml":
        raise UserError(f"{config} ends in .yml, which Hydra does not read; call it .yaml")
    if path.suffix == ".yaml":
        if path.is_file():
            return path.resolve()
        raise UserError(f"the config file {config} is not there")
    packaged = scripts_folder() / kind / f"{config}.yaml"
    if not packaged.is_file():
        known = config_names(kind)
        raise UserError(f"there is no config {config!r} for {kind}{suggestion(config, known)}")
    return packaged


def load_config(config: str, kind: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose a configuration as Hydra does, open for new keys.

    The values of the keys that are declared as texts and paths are texts, also where they look
    like numbers; a path's ``~`` is the home, since a shell leaves it in ``key=~/folder``.

    Args:
        config: see ``find_config``.
        kind: see ``find_config``.
        overrides: Hydra's ``key=value``, ``+key=value``, ``~key``.

    Raises:
        UserError: for an unknown config, a bad override (with Hydra's reason) or one with several
            values, an interpolation of a key that is not there, a value left open.
    """
    path = find_config(config, kind)
    parsed = parse_overrides([as_meant(override) for override in parse_overrides(overrides)])
    for override in parsed:
        if override.is_sweep_override():
            raise UserError(
                f"{override.input_line} is several values: write key=[a,b] for a list, quotes for "
                "a text; leoclr pretrain --multirun trains with each"
            )
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(path.parent), version_base="1.2"):
            cfg = compose(path.stem, overrides=[o.input_line for o in parsed])
        # An interpolation that cannot be resolved would fail only where it is first read.
        OmegaConf.to_container(cfg, resolve=True)
        _take_folders_of_labels(cfg)
    except (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError) as error:
        reason = one_line(error)
        raise UserError(f"config {config}: {reason}{_meant(reason, path)}") from error
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UserError(
            f"config {config} has no value for {', '.join(missing)}; add {missing[0]}=..."
        )
    OmegaConf.set_struct(cfg, False)
    settle_texts(cfg, path)
    return cfg


def _take_folders_of_labels(cfg: DictConfig) -> None:
    # A labels file names its images, so their folder need not be named as well.
    for labels, folder in (("labels", "train_path"), ("val_labels", "val_path")):
        path = OmegaConf.select(cfg, f"data.{labels}")
        if path and not OmegaConf.select(cfg, f"data.{folder}"):
            cfg.data[folder] = str(Path(path).parent)


def _meant(refused: str, path: Path) -> str:
    # Hydra offers to add a key that is not there, also one that is only mistyped or elsewhere.
    match = _NOT_THERE.match(refused)
    if match is None:
        return ""
    with initialize_config_dir(str(path.parent), version_base="1.2"):
        keys = list(_keys(OmegaConf.to_container(compose(path.stem))))
    name = _last(match[1])
    near = difflib.get_close_matches(name, {_last(key) for key in keys}, n=1, cutoff=0.75)
    meant = [repr(key) for key in keys if _last(key) in near]
    return f"; did you mean {' or '.join(meant[:3])}?" if meant else ""


def _keys(node: Any, key: str = "") -> Iterator[str]:
    # As an override names them. A list of numbers is one value.
    if isinstance(node, list) and any(isinstance(value, dict) for value in node):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        yield key.removeprefix(".")
        return
    for name, value in node.items():
        yield from _keys(value, f"{key}.{name}")


def _last(key: str) -> str:
    return key.rpartition(".")[2]
