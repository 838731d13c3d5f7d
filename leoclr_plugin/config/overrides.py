"""Parse Hydra's overrides of the command line: ``key=value``, ``+key=value``, ``~key``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from contextlib import suppress

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from leoclr_plugin.config.schema import read_as
from leoclr_plugin.errors import UserError, one_line

# A value that begins like this uses Hydra's grammar: a quoted text, a list, a dict or a call.
_HYDRA_SYNTAX = re.compile(r"['\"\[{]|\w+\(")


def parse_overrides(overrides: Sequence[str]) -> list[Override]:
    """Parse overrides. Values with special characters need no quotes, unlike in Hydra.

    Examples are ``~/images``, ``images (1)`` and the host's checkpoints, which have an ``=`` in
    their names.

    Raises:
        UserError: when an override is invalid; the message has Hydra's reason.
    """
    parser = OverridesParser.create()
    return [_parse(parser, override) for override in overrides]


def sweep(overrides: Sequence[str]) -> list[list[str]]:
    """Return all combinations of the values that ``key=a,b`` and ``key=range(1,4)`` list.

    Args:
        overrides: overrides of the command line. An override with a single value is part of
            every combination.

    Returns:
        The overrides of each combination, in the order of Hydra's ``--multirun``: the values of
        the last key change fastest.

    Raises:
        UserError: when an override is invalid, or is a sweep that does not list its values.
    """
    choices = []
    for override in parse_overrides(overrides):
        if not override.is_sweep_override():
            choices.append([override.input_line])
            continue
        key = override.get_key_element()
        if override.is_choice_sweep() and override.key_or_group in read_as("text", "path"):
            # Hydra would read the folder 2024_01 as the number 202401.
            values = override.input_line.partition("=")[2].split(",")
            if not any(_HYDRA_SYNTAX.match(value.strip()) for value in values):
                choices.append([f"{key}={quote(value.strip())}" for value in values])
                continue
        try:
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        except HydraException as error:
            line = f"{override.input_line} does not list values; write key=a,b or key=range(a,b)"
            raise UserError(line) from error
    return [list(job) for job in itertools.product(*choices)]


def _parse(parser: OverridesParser, override: str) -> Override:
    try:
        return parser.parse_overrides([override])[0]
    except HydraException as error:
        hydra_error = error
    key, equals, value = override.partition("=")
    if equals and not _HYDRA_SYNTAX.match(value):
        with suppress(HydraException):
            return parser.parse_overrides([f"{key}={quote(value)}"])[0]
    raise UserError(one_line(hydra_error)) from hydra_error


def as_value(value: object) -> str:
    """Write a text, a path or a list of them as the value of an override."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(quote(str(item)) for item in value)}]"
    return quote(str(value))


def quote(value: str) -> str:
    """Quote a text so that Hydra reads it unchanged."""
    # In Hydra's grammar backslashes are escaped only before a quote, by doubling them.
    escaped = re.sub(r"(\\+)('|\Z)", r"\1\1\2", value).replace("'", r"\'")
    return f"'{escaped}'"
