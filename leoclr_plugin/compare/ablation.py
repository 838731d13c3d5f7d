"""Run the rows of the ablation. Each row compares leoclr with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leoclr_plugin.compare.rows import read_change
from leoclr_plugin.compare.run import Budget, Measures, compare
from leoclr_plugin.compare.table import figures_of
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import read_json, write_json, write_text


def ablate(
    config: str,
    row: str,
    budget: Budget,
    seeds: int,
    out: Path,
    overrides: Sequence[str] = (),
    measures: Measures | None = None,
) -> str:
    """Run a row of the ablation and add it to the table of the earlier rows.

    Args:
        config: name or path of a configuration of leoclr; see ``compare``.
        row: one of ``compare.rows.change_names()``.
        budget: budget of each method of the row.
        seeds: number of runs of each method.
        out: folder for the runs, ``table.txt`` and ``rows.json``.
        overrides: overrides that are the same for all rows.
        measures: see ``compare``.

    Returns:
        The table of all rows so far, as text.

    Raises:
        UserError: when the row is unknown, or when ``compare`` raises one.
    """
    recipe = read_change(row)
    changes = [*overrides, *recipe["overrides"]]
    content = compare(config, recipe["methods"], budget, seeds, out / row, changes, measures)
    path = out / "rows.json"
    rows: dict[str, Any] = read_json(path) if path.exists() else {}
    rows[row] = {
        "about": recipe["about"],
        "header": content["header"],
        "rows": content["rows"],
        "foot": content["foot"],
    }
    write_json(path, rows)
    table = _table(rows)
    write_text(out / "table.txt", f"{table}\n")
    return table


def _table(rows: dict[str, Any]) -> str:
    """Return one table of all rows, whose evaluations may differ."""
    titles = dict.fromkeys(
        title for entry in rows.values() for title in figures_of(entry["header"][1:])
    )
    lines = []
    for name, entry in rows.items():
        for line in entry["rows"]:
            cells = dict(zip(entry["header"], line, strict=True))
            lines.append((name, line[0], *(cells.get(title, "") for title in titles)))
    foot = [f"{name}: {entry['about']}." for name, entry in rows.items()]
    return "\n".join([text_table(("row", "method", *titles), lines), *foot])
