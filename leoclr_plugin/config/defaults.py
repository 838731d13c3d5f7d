"""The defaults of the declared keys."""

from __future__ import annotations

import copy
from typing import Any

from omegaconf import DictConfig

from leoclr_plugin.config.keys import Node, node_of
from leoclr_plugin.config.schema import Config


def default_of(name: str) -> Any:
    """Return the default of a key at the top of a configuration."""
    return copy.deepcopy(Config.model_fields[name].default)


def defaults(node: type[Node]) -> dict[str, Any]:
    """Return the defaults of a node's keys; keys without a default are left out."""
    return {
        name: copy.deepcopy(field.default)
        for name, field in node.model_fields.items()
        if node_of(field) is None and field.default is not None
    }


def fill_in(cfg: DictConfig, name: str, node: type[Node]) -> None:
    """Set each missing key of ``cfg[name]`` to its default in ``node``, in place."""
    if cfg.get(name) is None:
        cfg[name] = {}
    for key, default in defaults(node).items():
        if key not in cfg[name]:
            cfg[name][key] = default
