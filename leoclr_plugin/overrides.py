"""Hydra's overrides as the command line takes them: ``key=value``, ``+key=value``, ``~key``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from contextlib import suppress

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from leoclr_plugin.errors import UserError, one_line

# Begins what is meant for Hydra's grammar: a quoted text, a list, a dict, a function's call.
_MEANT = re.compile(r"['\"\[{]|\w+\(")


def parse_overrides(overrides: Sequence[str]) -> list[Override]:
    """Read overrides; a text that Hydra wants in quotes for its letters needs none.

    Such as ``~/images``, ``images (1)``, and the host's checkpoints, whose names have an ``=`` in
    them.

    Raises:
        UserError: for one that is none, with Hydra's reason.
    """
    parser = OverridesParser.create()
    return [_parse(parser, override) for override in overrides]


def sweep(overrides: Sequence[str]) -> list[list[str]]:
    """All combinations of what ``key=a,b`` and ``key=range(1,4)`` list.

    Args:
        overrides: as above; those that list nothing are of every combination.

    Returns:
        The overrides of each, as Hydra's ``--multirun`` has them: the last key's values turn first.

    Raises:
        UserError: for an override that is none, and for Hydra's sweeps that are no list.
    """
    choices = []
    for override in parse_overrides(overrides):
        if not override.is_sweep_override():
            choices.append([override.input_line])
            continue
        key = override.get_key_element()
        try:
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        except HydraException as error:
            line = f"{override.input_line} lists no values; write key=a,b or key=range(a,b)"
            raise UserError(line) from error
    return [list(job) for job in itertools.product(*choices)]


def _parse(parser: OverridesParser, override: str) -> Override:
    try:
        return parser.parse_overrides([override])[0]
    except HydraException as error:
        refused = error
    key, equals, value = override.partition("=")
    if equals and not _MEANT.match(value):
        with suppress(HydraException):
            return parser.parse_overrides([f"{key}={quote(value)}"])[0]
    raise UserError(one_line(refused)) from refused


def quote(value: str) -> str:
    """A text in quotes, as Hydra reads it to the letter."""
    # A backslash is one but before a quote, where it takes two.
    escaped = re.sub(r"(\\+)('|\Z)", r"\1\1\2", value).replace("'", r"\'")
    return f"'{escaped}'"
