"""The one exception that a user's mistake raises, and the word about what is no mistake yet."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something the user can mend: one line that says what is wrong, where, and what to do.

    The command line prints the line and leaves with exit code 2; ``--debug`` adds the traceback.
    """


def check_known(key: str, name: str, known: Iterable[str], kind: str = "known") -> None:
    """Refuse the name that a setting's ``key`` has where it is not one of ``known``.

    Args:
        key: as the user writes it.
        name: its value.
        known: the names it may have.
        kind: what the message says that the name is not: ``"a method"``.

    Raises:
        UserError: with the known names near it.
    """
    if name not in known:
        raise UserError(f"{key}={name} is not {kind}{suggestion(name, known)}")


def tell_ignored(node: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Say on stderr which of a node's settings are none, and so are ignored.

    They are no error: configurations of other methods, and of the host, have more of them.

    Args:
        node: what the user writes before a name, such as ``"dali."``.
        names: of the settings it has.
        known: the names of those it may have.
    """
    known = set(known)
    for name in names:
        if name not in known:
            print(f"{node}{name} is ignored: no setting{suggestion(name, known)}", file=sys.stderr)


@contextmanager
def refused_values(keys: str, *more: type[Exception]) -> Iterator[None]:
    """Make what a library says of values a user's error, which names the ``keys`` they came from.

    Raises:
        UserError: for a ``ValueError``, a ``TypeError``, an ``AssertionError``, by which
            solo-learn refuses, and ``more``.
    """
    try:
        yield
    except (AssertionError, TypeError, ValueError, *more) as error:
        # An assertion without a message says it in its own words.
        reason = one_line(error) or traceback.extract_tb(error.__traceback__)[-1].line
        raise UserError(f"{keys}: {reason}") from error


def of_file(path: object, error: OSError) -> str:
    """What is wrong with the file at ``path``, and what to do."""
    reason = error.strerror or one_line(error)
    return f"{path}: {reason}; check the path, its permissions and the disk"


def one_line(message: object) -> str:
    """The message of a library or a program, which may be of several lines, as one."""
    return " ".join(str(message).split())


def near_names(name: object, known: Iterable[str]) -> list[str]:
    """At most three of the ``known`` names that are near ``name``, the nearest first."""
    # A name may have been written as a number.
    return difflib.get_close_matches(str(name), sorted(known), n=3, cutoff=0.5)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` with the known names near ``name``.

    Without a near one all the known names are listed.
    """
    near = near_names(name, known)
    if near:
        return f"; did you mean {' or '.join(repr(n) for n in near)}?"
    return f"; choose from {', '.join(sorted(known))}"
