"""Run the rows of the ablation. Each row compares methods with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from leoclr_plugin.compare.removals import add_removals, removal_plot
from leoclr_plugin.compare.rows import parse_row, read_changes
from leoclr_plugin.compare.run import Budget, Measures, compare
from leoclr_plugin.compare.table import columns_of, figures_of, value_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import read_json, write_json, write_text
from leoclr_plugin.terminal import printable


def ablate(
    config: str,
    rows: Sequence[str],
    budget: Budget,
    seeds: int,
    out: Path,
    overrides: Sequence[str] = (),
    methods: Sequence[str] = (),
    measures: Measures | None = None,
) -> str:
    """Run rows of the ablation and add them to the table of the earlier rows.

    Args:
        config: the name or path of a configuration of leoclr; see ``compare``.
        rows: names of ``compare.rows.change_names()``; those that are made together are joined by
            ``+``.
        budget: the budget of each run.
        seeds: the number of runs of each method.
        out: the folder for the runs, ``table.txt``, ``rows.json`` and ``report.html``; and for
            ``ablation.svg`` if rows take augmentations away.
        overrides: overrides that are the same for all rows.
        methods: what each row compares, see ``compare.rows.parse_row``; by default the methods
            that the row's changes name.
        measures: see ``compare``.

    Returns:
        The table of all rows so far, as text.

    Raises:
        UserError: if a row is unknown or not for a method, the earlier rows have another
            configuration or budget, or when ``compare`` raises one.
    """
    if not rows:
        raise UserError("--rows names none")
    # Read all rows first, so that a wrong one costs no training.
    changes = {row: read_changes(row, f"--rows {row}") for row in rows}
    for row, change in changes.items():
        for method in methods:
            change.check_method("--rows", row, parse_row(method).method)
    path = out / "rows.json"
    settings = {"config": config, "overrides": list(overrides), "budget": vars(budget)}
    _check_settings(path, settings)
    for row, change in changes.items():
        content = compare(
            config,
            methods or change.methods,
            budget,
            seeds,
            out / row,
            [*overrides, *change.overrides],
            measures,
        )
        done: dict[str, Any] = read_json(path) if path.exists() else {}
        done[row] = {
            "about": change.about,
            "removes": change.removes,
            "header": content["header"],
            "rows": content["rows"],
            "foot": content["foot"],
            "figures": _figures(content["runs"]),
            "settings": settings,
        }
        write_json(path, done)
        table = _write_report(out, done)
    return table


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    # The table and the plots show all rows side by side, so they must be of one budget.
    earlier = read_json(path) if path.exists() else {}
    for row, entry in earlier.items():
        for key, value in settings.items():
            before = entry.get("settings", settings)[key]
            if before != value:
                raise UserError(
                    f"{path.parent} has the row {row} with the {key} {before}, and now it is "
                    f"{value}; name another folder with --out"
                )


def _figures(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the mean over the seeds by the title of the figure and by method."""
    titles = {key: title for key, (title, _) in columns_of(runs).items()}
    figures: dict[str, dict[str, float]] = {title: {} for title in figures_of(titles.values())}
    for key, title in titles.items():
        values: dict[str, list[float]] = {}
        for run in runs:
            value = value_of(run, key)
            if value is not None and "error" not in run:
                values.setdefault(run["method"], []).append(value)
        if title in figures:
            figures[title] = {method: mean(its) for method, its in values.items()}
    return figures


def _write_report(out: Path, rows: dict[str, Any]) -> str:
    """Write one table of all rows, whose evaluations may differ, and the plots."""
    titles = dict.fromkeys(
        title for entry in rows.values() for title in figures_of(entry["header"][1:])
    )
    header, lines = ("row", "method", *titles), []
    for name, entry in rows.items():
        for line in entry["rows"]:
            cells = dict(zip(entry["header"], line, strict=True))
            lines.append((name, line[0], *(cells.get(title, "") for title in titles)))
    foot = [f"{name}: {entry['about']}." for name, entry in rows.items()]
    table = "\n".join([text_table(header, lines), *map(printable, foot)])
    write_text(out / "table.txt", f"{table}\n")
    report = Report("Ablation")
    report.table(header, lines)
    for line in foot:
        report.text(line)
    add_removals(report, rows)
    report.write(out / "report.html")
    # The paper's plot is of the linear probe.
    linear = [title for title in titles if title.startswith("linear")]
    plot = removal_plot(rows, (linear or list(titles))[0])
    if plot is not None:
        write_text(out / "ablation.svg", f"{plot}\n")
    return table
