"""The key ``devices`` and the forms in which it can be written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

# Lightning's name for all devices of the machine.
ALL = "auto"
WANTED = 'a number of devices, a list of their numbers such as [0, 1], or "auto" for all'
_NUMBERS = re.compile(r"\d+(\s*,\s*\d+)*,?")


def read_devices(value: Any) -> list[int] | int | str:
    """Read a value of ``devices`` from the command line or from YAML.

    Args:
        value: ``2``, ``[0, 1]``, ``"0,1"``, ``"2"``, ``"auto"``, or ``-1``, which means the same
            as ``"auto"``.

    Returns:
        The list of the devices' numbers, the number of devices, or ``ALL``.

    Raises:
        ValueError: for any other value.
    """
    if isinstance(value, str):
        value = _from_text(value.strip())
    if value in (ALL, -1) and not isinstance(value, bool):
        return ALL
    if _is_number(value, 1):
        return value
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    numbers = list(value) if is_list else []
    if numbers and all(_is_number(n, 0) for n in numbers) and len(set(numbers)) == len(numbers):
        return numbers
    raise ValueError(WANTED)


def _from_text(text: str) -> Any:
    if text == "-1":
        return -1
    if not _NUMBERS.fullmatch(text):
        return text
    numbers = [int(number) for number in text.split(",") if number]
    return numbers if "," in text else numbers[0]


def _is_number(value: Any, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


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
