"""Write tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from leoclr_plugin.terminal import printable


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with its first column aligned to the left and all others to the right.

    Each row is one line, whatever the cells are; see ``terminal.printable``.
    """
    table = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells))
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
