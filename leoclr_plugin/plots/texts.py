"""Write names on drawings as they are: matplotlib reads some of them as formulas otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from leoclr_plugin.terminal import printable

if TYPE_CHECKING:
    from matplotlib.text import Text

# Properties of a text of matplotlib that show it letter by letter.
LITERAL = {"parse_math": False, "usetex": False}


def write_names(texts: Iterable[Text], names: Sequence[str]) -> None:
    """Write names from outside, such as those of classes, on a drawing.

    Two dollars would make a name a formula, which can also be a wrong one, and a legend leaves out
    names that begin with an underscore. So give matplotlib placeholders first, then call this.

    Args:
        texts: the texts to fill, as axes and legends return them.
        names: a name for each.
    """
    for text, name in zip(texts, names, strict=True):
        text.set(text=printable(name), **LITERAL)
