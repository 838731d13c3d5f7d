"""``backbone.weights=zoo:NAME`` stands for the file of a model of the zoo."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

_PREFIX = "zoo:"
_ZOO_WEIGHTS = re.compile(rf"(\+{{0,2}}backbone\.weights=){_PREFIX}(.+)")


def with_zoo_files(overrides: Sequence[str]) -> list[str]:
    """Return overrides with the model's file, downloaded if necessary, in the name's place.

    Raises:
        UserError: if the zoo has no such model, or its file cannot be had.
    """
    return [_with_file(override) for override in overrides]


def take_zoo_file(cfg: DictConfig) -> None:
    """Put the model's file in the name's place in a composed configuration, in place.

    Raises:
        UserError: see ``with_zoo_files``.
    """
    from omegaconf import OmegaConf

    weights = OmegaConf.select(cfg, "backbone.weights")
    if isinstance(weights, str) and weights.startswith(_PREFIX):
        cfg.backbone.weights = _file_of(weights.removeprefix(_PREFIX))


def _with_file(override: str) -> str:
    found = _ZOO_WEIGHTS.fullmatch(override)
    if found is None:
        return override
    from leoclr_plugin.config.overrides import quote

    return f"{found[1]}{quote(_file_of(found[2]))}"


def _file_of(name: str) -> str:
    from leoclr_plugin.zoo.fetch import fetch
    from leoclr_plugin.zoo.manifest import find_entry

    return str(fetch(find_entry(name)))
