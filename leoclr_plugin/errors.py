"""The exception for errors that a user can fix, and checks of values that raise it."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from leoclr_plugin.terminal import tell


class UserError(Exception):
    """An error that the user can fix. Its one line says what is wrong, where, and what to do.

    The command line prints the line and exits with code 2; ``--debug`` adds the traceback.
    """


def check_known(key: str, name: str, known: Iterable[str], kind: str = "known") -> None:
    """Check that the value of a setting is one of the known names.

    Args:
        key: the setting, as the user writes it.
        name: the value of the setting.
        known: the names that are allowed.
        kind: what the known names are, for the message: ``"a method"``.

    Raises:
        UserError: when the name is unknown; the message suggests similar names.
    """
    if name not in known:
        raise UserError(f"{key}={name} is not {kind}{suggestion(name, known)}")


def tell_ignored(node: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Print a line on stderr for each name of a node that is not a setting and so is ignored.

    This is not an error, because configurations of the host and of other methods have settings
    that this method does not know.

    Args:
        node: prefix of the names as the user writes them, such as ``"dali."``.
        names: the names that the node has.
        known: the names that are settings.
    """
    known = set(known)
    for name in names:
        if name not in known:
            line = f"{node}{name} is ignored: it is not a setting{suggestion(name, known)}"
            tell(line)


@contextmanager
def refused_values(keys: str, *more: type[Exception]) -> Iterator[None]:
    """Turn a library's error about values into a ``UserError`` that names their settings.

    Args:
        keys: the settings that the values come from, for the message.
        more: further types of exceptions to turn into a ``UserError``.

    Raises:
        UserError: for a ``ValueError``, a ``TypeError``, an exception of the types in ``more``,
            and an ``AssertionError``, which solo-learn raises for invalid values.
    """
    try:
        yield
    except (AssertionError, TypeError, ValueError, *more) as error:
        # When an assertion has no message, its source line is the best explanation.
        reason = one_line(error) or traceback.extract_tb(error.__traceback__)[-1].line
        raise UserError(f"{keys}: {reason}") from error


def of_file(path: object, error: OSError) -> str:
    """Return a line that says what is wrong with the file at ``path`` and what to do."""
    reason = error.strerror or one_line(error)
    return f"{path}: {reason}; check the path, its permissions and the disk"


def one_line(message: object) -> str:
    """Join the lines of a message from a library or a program into one line."""
    return " ".join(str(message).split())


def near_names(name: object, known: Iterable[str]) -> list[str]:
    """At most three of the ``known`` names that are near ``name``, the nearest first."""
    # A name may have been written as a number.
    return difflib.get_close_matches(str(name), sorted(known), n=3, cutoff=0.5)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` with the known names that resemble ``name``.

    If none resembles it, the text lists all known names.
    """
    near = near_names(name, known)
    if near:
        return f"; did you mean {' or '.join(repr(n) for n in near)}?"
    return f"; choose from {', '.join(sorted(known))}"
