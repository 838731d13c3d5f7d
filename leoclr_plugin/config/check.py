"""Validation: one line reports everything that is wrong with a configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import ValidationError

from leoclr_plugin.config.keys import PRETRAIN, Node, about, choices, node_of, wanted
from leoclr_plugin.config.leoclr import LeOCLRSettings, MoCoV2PlusSettings, Momentum
from leoclr_plugin.config.notes import tell_unknown_keys, tell_unknown_keys_of
from leoclr_plugin.config.rules import broken_leoclr_rules, broken_rules
from leoclr_plugin.config.schema import Config
from leoclr_plugin.config.values import value_of
from leoclr_plugin.errors import UserError, near_names, one_line

_LEOCLR_NODES = {"method_kwargs": LeOCLRSettings, "momentum": Momentum}
_SETTINGS: dict[str, type[Node]] = {"leoclr": LeOCLRSettings, "mocov2plus": MoCoV2PlusSettings}
_NO_VALUE = (None, "", "???")
_MAX_LENGTH = 60  # characters of a value that a message shows


def check_config(
    cfg: DictConfig, command: str, known: Mapping[str, Collection[str]] | None = None
) -> None:
    """Check a composed configuration, and report the keys that nothing reads on stderr.

    Args:
        cfg: the configuration, before the host has filled it in.
        command: ``"pretrain"``, ``"linear"``, ``"finetune"`` or ``"detect"``.
        known: for a key whose choices only the host knows, these choices, such as
            ``{"backbone.name": ["resnet18", "resnet50"]}``.

    Raises:
        UserError: if there are problems. For each, it names the key, its value and what the value
            must be.
    """
    tell_unknown_keys(cfg)
    values = OmegaConf.to_container(cfg, resolve=True)
    problems = _problems(Config, values, "", command)
    for key, names in (known or {}).items():
        value = value_of(values, key)
        if isinstance(value, (list, dict)):
            # It is in the problems already.
            continue
        if value not in _NO_VALUE:
            problems.pop(key, None)
        if value not in _NO_VALUE and value not in names:
            others = getattr(names, "others", None)
            listed = [*sorted(names), *([others] if others else [])]
            problems[key] = _problem(key, value, f"one of {', '.join(listed)}", names)
    settings = _SETTINGS.get(str(value_of(values, "method")))
    if command == PRETRAIN and settings is not None:
        problems |= _problems(
            settings, _mapping(values.get("method_kwargs")), "method_kwargs.", command
        )
    _refuse([*problems.values(), *broken_rules(values, command, problems)])


def check_part(name: str, value: Any, command: str = "") -> None:
    """Check the part of a configuration under one of its top keys, such as ``data``.

    Args:
        name: the key.
        value: its value.
        command: see ``check_parts``.

    Raises:
        UserError: as in ``check_config``.
    """
    check_parts({name: value}, command)


def check_parts(parts: Mapping[str, Any], command: str = "") -> None:
    """Check some parts of a configuration, and the rules about them together.

    Args:
        parts: the values of top keys, such as ``data`` and ``augmentations``.
        command: the command that the parts are for; keys that this command requires must be there.
            Without a command, only the keys that are there are checked.

    Raises:
        UserError: as in ``check_config``.
    """
    values = {
        name: OmegaConf.to_container(part, resolve=True) if OmegaConf.is_config(part) else part
        for name, part in parts.items()
    }
    problems: dict[str, str] = {}
    for name, part in values.items():
        problems |= _problems(Config, {name: part}, "", command, only=name)
    _refuse([*problems.values(), *broken_rules(values, command or PRETRAIN, problems)])


def check_node(node: type[Node], values: Mapping[str, Any], place: str) -> None:
    """Check a node whose name the user chose, and report the keys that nothing reads on stderr.

    Args:
        node: the node's declaration.
        values: the node's values.
        place: the node's name in the configuration, such as ``data.online.birds``.

    Raises:
        UserError: as in ``check_config``.
    """
    tell_unknown_keys_of(place, values, node)
    _refuse([*_problems(node, values, f"{place}.", PRETRAIN).values()])


def check_leoclr(cfg: DictConfig) -> None:
    """Check the settings of LeOCLR in a configuration whose hardware is settled.

    The keys of ``method_kwargs`` that nothing reads are reported on stderr.

    Raises:
        UserError: as in ``check_config``.
    """
    tell_unknown_keys_of("method_kwargs", cfg.method_kwargs, LeOCLRSettings)
    values = OmegaConf.to_container(cfg, resolve=True)
    problems: dict[str, str] = {}
    for name, node in _LEOCLR_NODES.items():
        problems |= _problems(node, values[name], f"{name}.", PRETRAIN)
    _refuse([*problems.values(), *broken_leoclr_rules(values, problems)])


def require(cfg: DictConfig, *keys: str) -> None:
    """Check that a configuration has a value for each of ``keys``.

    Raises:
        UserError: if a key has no value; it names these keys.
    """
    missing = [key for key in keys if OmegaConf.select(cfg, key) in _NO_VALUE]
    _refuse([f"the config lacks {key}" for key in missing])


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise UserError("; ".join(problems))


def _problems(
    node: type[Node], values: Mapping[str, Any], prefix: str, command: str, only: str = ""
) -> dict[str, str]:
    """Return the problems of a node's values, as a message for each key that has one."""
    problems = {
        key: f"the config lacks {key}, which must be {range_}"
        for key, range_ in _missing_keys(node, values, prefix, command)
        if key.startswith(only)
    }
    try:
        node.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key, declared_in, name, value = _locate(node, detail["loc"], values)
            key = prefix + key
            is_off = value is None and about(declared_in.model_fields[name]).null
            if key not in problems and not is_off:
                names = choices(declared_in, name)
                problems[key] = _problem(key, value, wanted(declared_in, name), names)
    return problems


def _missing_keys(
    node: type[Node], values: Mapping[str, Any], prefix: str, command: str
) -> Iterator[tuple[str, str]]:
    for name, field in node.model_fields.items():
        value, inner, declared = values.get(name), node_of(field), about(field)
        needed = command in declared.needed or (command and values.get(declared.needed_with))
        if needed and value in _NO_VALUE:
            yield prefix + name, wanted(node, name)
        elif inner is field.annotation:
            yield from _missing_keys(inner, _mapping(value), f"{prefix}{name}.", command)
        elif inner is not None and isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _missing_keys(inner, item, f"{prefix}{name}[{i}].", command)


def _locate(
    node: type[Node], location: Sequence[str | int], values: Any
) -> tuple[str, type[Node], str, Any]:
    """Return the key at pydantic's ``location``, its node, its name in the node, and its value."""
    key, name, value = "", "", values
    inner: type[Node] | None = node
    for part in location:
        if isinstance(part, int):
            key, value = f"{key}[{part}]", value[part]
            continue
        node, name = inner, part
        key, value = f"{key}.{part}".removeprefix("."), value.get(part)
        inner = node_of(node.model_fields[name])
        if inner is None:
            # The rest of the location is inside the value, or names one of its possible types.
            break
    return key, node, name, value


def _problem(key: str, value: Any, range_: str, names: Collection[str] = ()) -> str:
    shown = one_line(value)
    if len(shown) > _MAX_LENGTH:
        shown = f"{shown[:_MAX_LENGTH]}..."
    near = [repr(name) for name in near_names(value, names)]
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return f"{key}={shown} must be {range_}{hint}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
