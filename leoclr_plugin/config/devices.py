"""The key ``devices``, read as the user meant it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

# Lightning's word for as many devices as there are.
ALL = "auto"
WANTED = 'a number of devices, a list of their numbers such as [0, 1], or "auto" for all'
_LISTED = re.compile(r"\d+(\s*,\s*\d+)*,?")


def read_devices(value: Any) -> list[int] | int | str:
    """Read a value of ``devices``, as the command line and YAML have it.

    Args:
        value: ``2``, ``[0, 1]``, ``"0,1"``, ``"2"``, ``"auto"`` or ``-1``, which also means all.

    Returns:
        The numbers of the devices, how many there are to be, or ``ALL``.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, str):
        value = _from_text(value.strip())
    if value in (ALL, -1) and not isinstance(value, bool):
        return ALL
    if _is_number(value, 1):
        return value
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    numbers = list(value) if listed else []
    if numbers and all(_is_number(n, 0) for n in numbers) and len(set(numbers)) == len(numbers):
        return numbers
    raise ValueError(WANTED)


def _from_text(text: str) -> Any:
    if text == "-1":
        return -1
    if not _LISTED.fullmatch(text):
        return text
    numbers = [int(number) for number in text.split(",") if number]
    return numbers if "," in text else numbers[0]


def _is_number(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_JSON = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"const": -1},
        {"type": "string", "pattern": r"^\s*(auto|-1|[0-9]+(\s*,\s*[0-9]+)*,?)\s*$"},
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "minItems": 1,
            "uniqueItems": True,
        },
    ]
}
Devices = Annotated[Any, PlainValidator(read_devices), WithJsonSchema(_JSON)]
