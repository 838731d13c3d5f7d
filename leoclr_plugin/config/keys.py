"""How a key is declared, and what its declaration says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

PRETRAIN, LINEAR = "pretrain", "linear"
BOTH = (PRETRAIN, LINEAR)

Natural = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Endless = Annotated[int, Field(ge=-1, le=-1)]


class Node(BaseModel):
    """A node of the configuration; its fields are declared by ``key``.

    Values are taken as they are: ``"5"`` is no number, and 1 is not True. A key that is not
    declared is no error, since hosts and other methods have more of them.
    """

    model_config = ConfigDict(strict=True, extra="ignore")


@dataclass(frozen=True)
class About:
    """What a declaration says besides type, range and default.

    Attributes:
        of: who reads the key: ``"solo-learn"``, ``"leoclr"`` or ``"Lightning"``.
        commands: the commands that read it, of those that read the node it is in.
        needed: the commands that cannot do without it.
        needed_with: the key beside it that, where it is on, makes this one needed.
        reads: ``"text"`` or ``"path"`` where a number is meant as a text, and ``"list"`` where
            ``0,1`` is meant as ``[0,1]``.
        wanted: the range in words, where those made from the type would say too little.
    """

    of: str = "solo-learn"
    commands: Sequence[str] = BOTH
    needed: Sequence[str] = ()
    needed_with: str = ""
    reads: str = ""
    wanted: str = ""


def key(default: Any, meaning: str, *, limits: dict[str, Any] | None = None, **about: Any) -> Any:
    """Declare a key.

    Args:
        default: what stands in where the key is not given; None for a key that has to be given.
        meaning: one line.
        limits: pydantic's constraints, such as ``{"gt": 0}``.
        about: the attributes of ``About``.
    """
    return Field(
        default,
        description=meaning,
        json_schema_extra={"about": About(**about)},  # type: ignore[dict-item]
        **(limits or {}),
    )


def about(field: FieldInfo) -> About:
    """What a field that was declared by ``key`` says about itself."""
    return field.json_schema_extra["about"]  # type: ignore[index, return-value]


def readers(field: FieldInfo, commands: Sequence[str] = BOTH) -> list[str]:
    """The commands that read a field of a node which ``commands`` read."""
    return [command for command in commands if command in about(field).commands]


def node_of(field: FieldInfo) -> type[Node] | None:
    """The node that a field holds, or holds a list of; None for a field with a value."""
    candidates = [field.annotation]
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, Node):
            return candidate
        candidates += get_args(candidate)
    return None


def leaves(node: type[Node], prefix: str = "") -> Iterator[tuple[str, type[Node], str]]:
    """Yield each key that has a value: its dotted name, the node that declares it, its own name.

    A list of nodes is written ``augmentations[]``.
    """
    for name, field in node.model_fields.items():
        inner = node_of(field)
        if inner is None:
            yield prefix + name, node, name
        else:
            listed = "[]" if inner is not field.annotation else ""
            yield from leaves(inner, f"{prefix}{name}{listed}.")


@lru_cache
def value_schemas(node: type[Node]) -> dict[str, dict[str, Any]]:
    """The JSON schema of each value of a node, without titles, defaults and descriptions."""
    schemas = node.model_json_schema()["properties"]
    return {
        name: _bare(schemas[name])
        for name, field in node.model_fields.items()
        if node_of(field) is None
    }


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    # The words that pydantic's versions choose differently are left out.
    kept = {
        k: v for k, v in schema.items() if k not in ("title", "default", "description", "about")
    }
    if "anyOf" in kept:
        kept["anyOf"] = [_bare(option) for option in kept["anyOf"]]
    if isinstance(kept.get("items"), dict):
        kept["items"] = _bare(kept["items"])
    return kept


def wanted(node: type[Node], name: str) -> str:
    """What the value of a node's key must be, in words: ``"a whole number from 0 to 9"``."""
    field = node.model_fields[name]
    if about(field).wanted:
        return about(field).wanted
    inner = node_of(field)
    if inner is not None:
        return f"a node with the keys {', '.join(inner.model_fields)}"
    return _words(value_schemas(node)[name])


def choices(node: type[Node], name: str) -> list[str]:
    """The names that the value of a node's key may have; none where it is no choice of names."""
    return value_schemas(node)[name].get("enum", []) if name in value_schemas(node) else []


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(option) for option in schema["anyOf"])
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
    said = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    return " ".join([kind, " and ".join(said)]).strip()
