"""Run the rows of the ablation. Each row compares leoclr with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leoclr_plugin.compare.rows import read_change
from leoclr_plugin.compare.run import Budget, compare
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import read_json, write_json, write_text


def ablate(
    config: str, row: str, budget: Budget, seeds: int, out: Path, overrides: Sequence[str] = ()
) -> str:
    """Run a row of the ablation and add it to the table of the earlier rows.

    Args:
        config: name or path of a configuration of leoclr; see ``compare``.
        row: one of ``compare.rows.change_names()``.
        budget: budget of each method of the row.
        seeds: number of runs of each method.
        out: folder for the runs, ``table.txt`` and ``rows.json``.
        overrides: overrides that are the same for all rows.

    Returns:
        The table of all rows so far, as text.

    Raises:
        UserError: when the row is unknown, or when ``compare`` raises one.
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
    # The first three columns of a comparison are the method and its two main figures.
    header = ("row", *content["header"][:3])
    table = "\n".join([text_table(header, lines), *foot])
    write_text(out / "table.txt", f"{table}\n")
    return table
