"""Values of a configuration by their dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_of(values: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """Return the value of a dotted key, or ``default`` if there is none."""
    value: Any = values
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return default
        value = value[name]
    return value
