"""``backbone.weights=zoo:NAME`` on the command line stands for the file of a model of the zoo."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ZOO_WEIGHTS = re.compile(r"(\+{0,2}backbone\.weights=)zoo:(.+)")


def with_zoo_files(overrides: Sequence[str]) -> list[str]:
    """Return overrides with the model's file, downloaded if necessary, in the name's place.

    Raises:
        UserError: if the zoo has no such model, or its file cannot be had.
    """
    return [_with_file(override) for override in overrides]


def _with_file(override: str) -> str:
    found = _ZOO_WEIGHTS.fullmatch(override)
    if found is None:
        return override
    from leoclr_plugin.config.overrides import quote
    from leoclr_plugin.zoo.fetch import fetch
    from leoclr_plugin.zoo.manifest import find_entry

    return f"{found[1]}{quote(str(fetch(find_entry(found[2]))))}"
