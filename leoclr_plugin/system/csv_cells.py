"""Texts in CSV files that spreadsheets open: none of them is taken for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

# Spreadsheets take a cell that begins so for a formula, which can run programs. The apostrophe,
# which keeps them from it, is doubled where a text has one of its own.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Return each row as a line, with its end, of a CSV file whose cells are those of ``cell_of``.

    Write them with ``newline=""``: a text may have a carriage return.
    """
    buffer = io.StringIO(newline="")
    # Python before 3.13 puts a text with a carriage return in quotes only if lines end with one.
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in rows:
        writer.writerow(map(cell_of, row))
        yield f"{buffer.getvalue()[:-2]}\n"
        buffer.seek(0)
        buffer.truncate()


def cell_of(value: Any) -> Any:
    """Return a value as the cell of a CSV file; numbers, also in texts, stay as they are."""
    if not (isinstance(value, str) and _FORMULA.match(value)):
        return value
    with suppress(ValueError):
        float(value)
        return value
    return f"'{value}"


def text_of(cell: str) -> str:
    """Return the text that ``cell_of`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
