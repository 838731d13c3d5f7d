"""How a key of the configuration is declared, and functions that read the declarations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from leoclr_plugin.config.datasets import MAX_CHANNELS

PRETRAIN, LINEAR, FINETUNE, DETECT = "pretrain", "linear", "finetune", "detect"
ALL = (PRETRAIN, LINEAR, FINETUNE, DETECT)
# The commands that take an image as a whole; detect looks for the objects in it.
WHOLE_IMAGES = (PRETRAIN, LINEAR, FINETUNE)
# The commands that train a classifier on a checkpoint.
ON_A_CHECKPOINT = (LINEAR, FINETUNE)

Natural = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Paths = Annotated[list[str], Field(min_length=1)]
PerChannel = Annotated[list[float], Field(min_length=1, max_length=MAX_CHANNELS)]
Endless = Annotated[int, Field(ge=-1, le=-1)]


class Node(BaseModel):
    """A node of the configuration, with fields that ``key`` declares.

    Values are not converted: ``"5"`` is not a number, and 1 is not True. Keys that are not declared
    are allowed, because hosts and other methods have keys of their own.
    """

    model_config = ConfigDict(strict=True, extra="ignore")


@dataclass(frozen=True)
class About:
    """The part of a declaration that pydantic has no place for.

    Attributes:
        of: the program that reads the key: ``"solo-learn"``, ``"leoclr"`` or ``"Lightning"``.
        commands: the commands that read the key, if they read its node at all.
        needed: the commands that require the key.
        needed_with: another key of the same node; if it is set, this key is required.
        reads: ``"text"`` or ``"path"`` if a number is to be read as a text; ``"list"`` if ``0,1``
            is to be read as ``[0,1]``.
        null: whether null leaves a node out, as if the configuration did not have it.
        wanted: a description of the allowed values, if the one derived from the type is not
            clear enough.
    """

    of: str = "solo-learn"
    commands: Sequence[str] = ALL
    needed: Sequence[str] = ()
    needed_with: str = ""
    reads: str = ""
    null: bool = False
    wanted: str = ""


def key(default: Any, meaning: str, *, limits: dict[str, Any] | None = None, **about: Any) -> Any:
    """Declare a key.

    Args:
        default: the value if the key is not given; None for a required key.
        meaning: one line that says what the key does.
        limits: pydantic's constraints, such as ``{"gt": 0}``.
        about: attributes of ``About``.
    """
    return Field(
        default,
        description=meaning,
        json_schema_extra={"about": About(**about)},  # type: ignore[dict-item]
        **(limits or {}),
    )


def about(field: FieldInfo) -> About:
    """Return the ``About`` of a field that ``key`` declared."""
    return field.json_schema_extra["about"]  # type: ignore[index, return-value]


def readers(field: FieldInfo, commands: Sequence[str] = ALL) -> list[str]:
    """Return which of ``commands``, those that read a node, read one of its fields."""
    return [command for command in commands if command in about(field).commands]


def node_of(field: FieldInfo) -> type[Node] | None:
    """Return the node in a field, or in a field's list; None if the field holds a value."""
    candidates = [field.annotation]
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, Node):
            return candidate
        candidates += get_args(candidate)
    return None


def leaves(node: type[Node], prefix: str = "") -> Iterator[tuple[str, type[Node], str]]:
    """Yield the dotted name, the node and the name in the node of each key that holds a value.

    A list of nodes has the name ``augmentations[]``.
    """
    for name, field in node.model_fields.items():
        inner = node_of(field)
        if inner is None:
            yield prefix + name, node, name
        else:
            brackets = "[]" if inner is not field.annotation else ""
            yield from leaves(inner, f"{prefix}{name}{brackets}.")


@lru_cache
def value_schemas(node: type[Node]) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each value of a node, without titles, defaults, descriptions."""
    schemas = node.model_json_schema()["properties"]
    return {
        name: _without_texts(schemas[name])
        for name, field in node.model_fields.items()
        if node_of(field) is None
    }


def _without_texts(schema: dict[str, Any]) -> dict[str, Any]:
    # Versions of pydantic differ in these entries.
    kept = {
        k: v for k, v in schema.items() if k not in ("title", "default", "description", "about")
    }
    if "anyOf" in kept:
        kept["anyOf"] = [_without_texts(option) for option in kept["anyOf"]]
    if isinstance(kept.get("items"), dict):
        kept["items"] = _without_texts(kept["items"])
    return kept


def wanted(node: type[Node], name: str) -> str:
    """Describe the allowed values of a node's key, such as ``"a whole number from 0 to 9"``."""
    field = node.model_fields[name]
    if about(field).wanted:
        return about(field).wanted
    inner = node_of(field)
    if inner is not None:
        return f"a node with the keys {', '.join(inner.model_fields)}"
    return _describe(value_schemas(node)[name])


def choices(node: type[Node], name: str) -> list[str]:
    """Return the names that a node's key can have; empty if it is not a choice of names."""
    return value_schemas(node)[name].get("enum", []) if name in value_schemas(node) else []


def _describe(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_describe(option) for option in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kind = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "True or False",
        "string": "a text",
        "array": "a list",
        "object": "a node",
        "null": "null",
    }[schema["type"]]
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and low == high:
        return str(low)
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    limits = {"of at least": low, "above": above, "of at most": high, "below": below}
    described = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    return " ".join([kind, " and ".join(described)]).strip()
