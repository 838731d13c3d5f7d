"""Escape texts for HTML and SVG, where a name from outside must be neither markup nor malformed."""

from __future__ import annotations

from html import escape

from leoclr_plugin.terminal import printable


def escaped(text: str) -> str:
    """Return a text as the content or the quoted attribute of an element.

    XML, and so SVG, allows no control characters, not even as references, and characters that
    change the direction of a text would change what a reader sees. They become visible as in
    ``terminal.printable``.
    """
    return escape(printable(text))
