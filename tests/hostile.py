"""Names that try to be more than names where they are shown."""

from __future__ import annotations

import unicodedata

NAMES = (
    "<script>alert(1)<script>",
    '"><img src=x onerror=alert(1)>',
    "$x$ and $\\frac$",
    "_hidden",
    "=cmd|' !A1'!A1",
    "+1+2",
    "-2+3",
    "-5",
    "@SUM(A1)",
    "'=1",
    "''-x",
    " =1 ",
    "\t=1",
    "\x1b[2J\x1b]0;title\x07",
    "line\nbreak",
    "re\rturn",
    "\u202egpj.exe",
    "sep\u2028arated",
    "tab\tin it",
    "|cell|`code`",
    "caf\udce9",
)


_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_plain(text: str) -> bool:
    """Whether a terminal shows every letter of a text, and obeys none."""
    return not any(unicodedata.category(letter) in _HIDDEN for letter in text)
