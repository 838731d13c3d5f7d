"""A word about the keys that nothing reads: a mistyped one must not be ignored in silence."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.keys import Node, node_of
from leoclr_plugin.config.schema import Config
from leoclr_plugin.errors import tell_ignored


@lru_cache
def trainer_keys() -> frozenset[str]:
    """The arguments of Lightning's Trainer, all of which a configuration may have at its top."""
    from lightning.pytorch import Trainer

    return frozenset(inspect.signature(Trainer.__init__).parameters) - {"self"}


def tell_unknown_keys(cfg: DictConfig) -> None:
    """Say on stderr which keys of a configuration nothing reads, with the names near them.

    LeOCLR tells those of its ``method_kwargs`` itself, since it does so in solo-learn's own scripts
    as well. Other methods' are the host's to know.
    """
    values = OmegaConf.to_container(cfg)
    tell_ignored("", values, {*Config.model_fields, *trainer_keys()})
    for name, field in Config.model_fields.items():
        node = node_of(field)
        if node is not None:
            tell_unknown_keys_of(name, values.get(name), node)


def tell_unknown_keys_of(name: str, value: Any, node: type[Node]) -> None:
    """The same for one node, or a list of nodes, that a configuration has under ``name``."""
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value)
    for prefix, mapping in _mappings(name, value):
        tell_ignored(f"{prefix}.", mapping, node.model_fields)
        for inner_name, field in node.model_fields.items():
            inner = node_of(field)
            if inner is not None:
                tell_unknown_keys_of(f"{prefix}.{inner_name}", mapping.get(inner_name), inner)


def _mappings(name: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = [(name, value)]
    if isinstance(value, list):
        items = [(f"{name}[{i}]", item) for i, item in enumerate(value)]
    return ((prefix, item) for prefix, item in items if isinstance(item, Mapping))
