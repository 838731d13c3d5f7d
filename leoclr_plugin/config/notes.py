"""Reports of keys that nothing reads, because a misspelled key must not be ignored silently."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.keys import Node, about, node_of
from leoclr_plugin.config.schema import Config
from leoclr_plugin.errors import tell_ignored
from leoclr_plugin.terminal import tell


@lru_cache
def trainer_keys() -> frozenset[str]:
    """Return the names of the Trainer's arguments, which a configuration may have at its top."""
    from lightning.pytorch import Trainer

    return frozenset(inspect.signature(Trainer.__init__).parameters) - {"self"}


def tell_unknown_keys(cfg: DictConfig) -> None:
    """Report the keys of a configuration that nothing reads on stderr, with similar names.

    The keys of ``method_kwargs`` are not looked at. LeOCLR reports its own, because it does so in
    solo-learn's scripts too. The keys of other methods are known to the host only.
    """
    values = OmegaConf.to_container(cfg)
    tell_ignored("", values, {*Config.model_fields, *trainer_keys()})
    for name, field in Config.model_fields.items():
        node = node_of(field)
        if node is not None:
            tell_unknown_keys_of(name, values.get(name), node)


def tell_unread_keys(cfg: DictConfig, command: str) -> None:
    """Report the declared keys of a configuration that ``command`` does not read on stderr."""
    for key in _unread(Config, OmegaConf.to_container(cfg), command):
        tell(f"{key} is ignored: leoclr {command} does not read it")


def _unread(node: type[Node], values: Mapping[str, Any], command: str) -> Iterator[str]:
    for name in node.model_fields.keys() & values.keys():
        field = node.model_fields[name]
        inner, value = node_of(field), values[name]
        if command not in about(field).commands:
            yield name
        elif inner is not None and isinstance(value, Mapping):
            yield from (f"{name}.{key}" for key in _unread(inner, value, command))


def tell_unknown_keys_of(name: str, value: Any, node: type[Node]) -> None:
    """Report such keys of one node, or of a list of nodes, that a configuration has as ``name``."""
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
