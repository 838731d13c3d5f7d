"""Print lines on the terminal, in which no name from outside can do anything but be read."""

from __future__ import annotations

import sys
import unicodedata

# Control characters, among them the beginning of escape sequences; characters that change the
# direction of a text or cannot be seen; bytes that are no text; and separators of lines.
_ESCAPED = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def printable(text: object) -> str:
    r"""Return a text in which characters that a terminal would obey are escaped as in Python.

    The names of files, classes, runs and models come from outside, and a name such as
    ``"\x1b[2J"`` or ``"a\nb"`` must not clear the screen or write a line of its own.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _ESCAPED
        else letter
        for letter in text
    )


def say(*lines: object, flush: bool = False) -> None:
    """Print lines, the results of a command, on stdout; see ``printable``."""
    print(*map(printable, lines), sep="\n", flush=flush)


def say_text(text: str) -> None:
    """Print a text of several lines on stdout, such as a table, in whose cells no line breaks."""
    say(*text.removesuffix("\n").split("\n"))


def tell(*lines: object) -> None:
    """Print lines that tell how the work goes on stderr; see ``printable``."""
    print(*map(printable, lines), sep="\n", file=sys.stderr)
