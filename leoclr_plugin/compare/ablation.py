"""Rows of the ablation: leoclr with one thing changed, each a comparison of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leoclr_plugin.compare.rows import read_change
from leoclr_plugin.compare.run import Budget, compare
from leoclr_plugin.files import read_json, write_json, write_text
from leoclr_plugin.report.tables import text_table

HEADER = ("row", "method", "kNN top-1 %", "linear top-1 %")


def ablate(
    config: str, row: str, budget: Budget, seeds: int, out: Path, overrides: Sequence[str] = ()
) -> str:
    """Run a row of the ablation and add it to the table of those that were run.

    Args:
        config: of leoclr, see ``compare``.
        row: one of ``compare.rows.change_names()``.
        budget: of each method of the row.
        seeds: runs of each method.
        out: folder of the runs and of ``table.txt`` and ``rows.json``.
        overrides: of all rows.

    Returns:
        The table of all rows so far, as text.

    Raises:
        UserError: for an unknown row, and where ``compare`` raises one.
    """
    recipe = read_change(row)
    changes = [*overrides, *recipe["overrides"]]
    content = compare(config, recipe["methods"], budget, seeds, out / row, changes)
    path = out / "rows.json"
    rows: dict[str, Any] = read_json(path) if path.exists() else {}
    rows[row] = {"about": recipe["about"], "rows": content["rows"], "foot": content["foot"]}
    write_json(path, rows)
    lines = [(name, *line[:3]) for name, entry in rows.items() for line in entry["rows"]]
    foot = [f"{name}: {entry['about']}." for name, entry in rows.items()]
    table = "\n".join([text_table(HEADER, lines), *foot])
    write_text(out / "table.txt", f"{table}\n")
    return table
