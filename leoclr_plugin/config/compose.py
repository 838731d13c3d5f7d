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
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from leoclr_plugin.config.keys import PRETRAIN
from leoclr_plugin.config.overrides import parse_overrides
from leoclr_plugin.config.schema import settable
from leoclr_plugin.config.targets import take_pairs_file
from leoclr_plugin.config.texts import as_meant, settle_texts
from leoclr_plugin.errors import UserError, one_line, suggestion

# The beginning of Hydra's error for an override of a key that the configuration does not have.
_UNKNOWN_KEY = re.compile(r"Could not override '([^']+)'")
_NUMBER_IN_A_LIST = re.compile(r"\.\d+(?=\.|$)")
# The names of labelled sets and of kinds of pairs are the user's own, and methods have their own
# settings: those that have none of this name refuse it.
_DECLARED_IN_PART = ("data.online.", "data.pairs.kinds.", "method_kwargs.self_paced")


def scripts_folder() -> Path:
    """Return the packaged folder ``scripts``, in the installed package or in the checkout."""
    spec = find_spec("leoclr_plugin.scripts")
    if spec is None:
        # The package is a checkout on the path that was not installed.
        return Path(__file__).resolve().parents[2] / "scripts"
    return Path(next(iter(spec.submodule_search_locations)))


def config_names(kind: str) -> list[str]:
    """Return the names of the packaged configurations of a kind, such as ``pretrain``."""
    folder = scripts_folder() / kind
    names = (path.relative_to(folder).with_suffix("") for path in folder.glob("*/*.yaml"))
    return sorted(name.as_posix() for name in names)


def find_config(config: str, kind: str) -> Path:
    """Return the YAML file of ``config``.

    Args:
        config: a name under ``scripts/<kind>`` such as ``imagenette/leoclr``, or a path.
        kind: ``"pretrain"``, ``"linear"``, ``"finetune"`` or ``"detect"``.

    Raises:
        UserError: if there is none; it suggests similar names.
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
    """Compose a configuration as Hydra does; the result accepts new keys.

    Keys that are declared as texts or paths get texts, even if the value looks like a number. A
    path's leading ``~`` becomes the home folder, because a shell does not expand ``key=~/folder``.

    Args:
        config: see ``find_config``.
        kind: see ``find_config``.
        overrides: Hydra's overrides: ``key=value``, ``+key=value``, ``~key``. A key that is
            declared for this kind needs no plus if the YAML file does not have it.

    Raises:
        UserError: for an unknown config, an override that Hydra refuses or that has several
            values, an interpolation of a missing key, and a value that is still ``???``.
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
            cfg = compose(path.stem, overrides=[_with_plus(o, kind) for o in parsed])
        # Resolve all interpolations now: a bad one would otherwise fail only when it is read.
        OmegaConf.to_container(cfg, resolve=True)
        _set_folders_of_labels(cfg)
    # A TypeError is that of a name where a list has a number.
    except (
        HydraException,
        OmegaConfBaseException,
        ValueError,
        TypeError,
        yaml.YAMLError,
    ) as error:
        reason = one_line(error)
        if reason.startswith("Error merging override"):
            # Hydra leaves the cause to its traceback.
            reason += f": {str(error.__cause__).splitlines()[0]}"
        raise UserError(f"config {config}: {reason}{_near_keys(reason, path)}") from error
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UserError(
            f"config {config} has no value for {', '.join(missing)}; add {missing[0]}=..."
        )
    OmegaConf.set_struct(cfg, False)
    take_pairs_file(cfg)
    settle_texts(cfg, path)
    return cfg


def _with_plus(override: Override, kind: str) -> str:
    """Let a key be set whether or not the YAML file has it, if it is declared for this kind."""
    key = _NUMBER_IN_A_LIST.sub("[]", override.key_or_group)
    known = key in settable(kind) or (kind == PRETRAIN and key.startswith(_DECLARED_IN_PART))
    changes = override.type == OverrideType.CHANGE
    return f"++{override.input_line}" if known and changes else override.input_line


def _set_folders_of_labels(cfg: DictConfig) -> None:
    # The images of a labels file lie in its folder, so the user need not name this folder.
    for labels, folder in (("labels", "train_path"), ("val_labels", "val_path")):
        path = OmegaConf.select(cfg, f"data.{labels}")
        if path and not OmegaConf.select(cfg, f"data.{folder}"):
            cfg.data[folder] = str(Path(path).parent)


def _near_keys(message: str, path: Path) -> str:
    # For every unknown key Hydra only suggests to add it, even if the key is misspelled or belongs
    # to a node.
    match = _UNKNOWN_KEY.match(message)
    if match is None:
        return ""
    with initialize_config_dir(str(path.parent), version_base="1.2"):
        keys = list(_keys(OmegaConf.to_container(compose(path.stem))))
    name = _last_part(match[1])
    near = difflib.get_close_matches(name, {_last_part(key) for key in keys}, n=1, cutoff=0.75)
    suggested = [repr(key) for key in keys if _last_part(key) in near]
    return f"; did you mean {' or '.join(suggested[:3])}?" if suggested else ""


def _keys(node: Any, key: str = "") -> Iterator[str]:
    """Yield the dotted keys of all values, as an override names them."""
    # A list of nodes has keys of its own; any other list is one value.
    if isinstance(node, list) and any(isinstance(value, dict) for value in node):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        yield key.removeprefix(".")
        return
    for name, value in node.items():
        yield from _keys(value, f"{key}.{name}")


def _last_part(key: str) -> str:
    return key.rpartition(".")[2]
