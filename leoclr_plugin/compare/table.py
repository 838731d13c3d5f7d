"""The table of a comparison as text, CSV, JSON and an HTML page with curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from leoclr_plugin.compare.evaluations import columns_of_further
from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.csv_cells import csv_lines
from leoclr_plugin.system.files import write_json, write_text
from leoclr_plugin.terminal import printable

# The title and digits of each figure. A figure is a column of the table if some run has it.
_COLUMNS = {
    "knn_top1": ("kNN top-1 %", 2),
    "linear_top1": ("linear top-1 %", 2),
    "knn_map": ("kNN mAP %", 2),
    "linear_map": ("linear mAP %", 2),
}
_COSTS = {
    "images_per_second": ("images/s", 1),
    "seconds_per_epoch": ("s/epoch", 1),
    "peak_memory_mib": ("peak MiB", 0),
    "epochs": ("epochs", 0),
    "work_per_step": ("work a step", 1),
}

# These are the same for all seeds of a method, unless the budget is a time.
_GIVEN = ("epochs", "work_per_step")


def columns_of(runs: Sequence[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    """Return the columns of a table of runs: their figures, including transfers, and their costs.

    Returns:
        The title and digits of each column by its key. The key of a transfer is ``NAME/KEY``.
    """
    transfers = dict.fromkeys(name for run in runs for name in run.get("transfer", ()))
    columns = {key: column for key, column in _COLUMNS.items() if any(key in run for run in runs)}
    if not (columns or any("further" in run for run in runs)):
        # If all runs failed, no figure is known, and the table has these two columns.
        columns = dict(list(_COLUMNS.items())[:2])
    for name in transfers:
        for key, (title, digits) in _COLUMNS.items():
            if any(key in run.get("transfer", {}).get(name, ()) for run in runs):
                columns[f"{name}/{key}"] = (f"{name} {title}", digits)
    further = dict.fromkeys(key for run in runs for key in run.get("further", ()))
    return {**columns, **columns_of_further(further), **_COSTS}


def figures_of(titles: Sequence[str]) -> list[str]:
    """Return the titles of figures among the titles of columns, without those of costs."""
    costs = {title for title, _ in _COSTS.values()}
    return [title for title in titles if title not in costs]


def value_of(run: dict[str, Any], key: str) -> float | None:
    """Return a run's figure for a column of ``columns_of``; None if it has none."""
    if key in run.get("further", ()):
        return run["further"][key]
    name, slash, inner = key.rpartition("/")
    return run.get("transfer", {}).get(name, {}).get(inner) if slash else run.get(key)


def write_report(
    out: Path, runs: Sequence[dict[str, Any]], settings: dict[str, Any]
) -> dict[str, Any]:
    """Write ``results.json``, ``results.csv``, ``table.txt`` and ``report.html`` under ``out``.

    Args:
        out: a folder.
        runs: for each method and seed the figures of ``compare.worker``, or an ``error``.
        settings: the settings of the comparison, which are written as well.

    Returns:
        The content of ``results.json``.
    """
    methods = list(dict.fromkeys(run["method"] for run in runs))
    columns = columns_of(runs)
    header = ["method", *(title for title, _ in columns.values())]
    rows = [
        _row(method, [run for run in runs if run["method"] == method], columns)
        for method in methods
    ]
    foot = _foot(methods, runs)
    content = {
        "header": header,
        "rows": rows,
        "foot": foot,
        "runs": list(runs),
        "settings": settings,
        "environment": environment(),
    }
    write_json(out / "results.json", content)
    lines = [["method", "seed", *columns, "error"]]
    for run in runs:
        values = (value_of(run, key) for key in columns)
        lines.append([run["method"], run["seed"], *values, run.get("error")])
    write_text(out / "results.csv", "".join(csv_lines(lines)))
    table = "\n".join([text_table(header, rows), *map(printable, (_caption(settings), *foot))])
    write_text(out / "table.txt", f"{table}\n")

    report = Report("Methods compared")
    report.table(header, rows)
    for line in (_caption(settings), *foot):
        report.text(line)
    has_legs = any(run.get("legs") for run in runs)
    multilabel = any("linear_map" in run for run in runs)
    for key, (title, _) in columns.items():
        if key in _COSTS:
            break
        for over, unit in (("epochs", "epoch"), ("work", "work")) if has_legs else ():
            report.heading(f"{title} over {over}")
            report.svg(loss_curves(trends_of(runs, key, over), unit))
    curves = {run["method"]: run["curve"] for run in reversed(runs) if run.get("curve")}
    if curves:
        measure = "Mean average precision" if multilabel else "Validation accuracy"
        report.heading(f"{measure} of the online linear classifier, %")
        report.text("The curves show each method's first seed over the epochs.")
        report.svg(loss_curves(dict(reversed(curves.items()))))
    report.write(out / "report.html")
    return content


def trends_of(
    runs: Sequence[dict[str, Any]], key: str, over: str = "epochs"
) -> dict[str, list[tuple[float, float]]]:
    """Return how a figure of each method changes over a training, as means over the seeds.

    Args:
        runs: the runs of a comparison.
        key: the key of a column.
        over: ``"epochs"``, or ``"work"``, which is in thousands of the units of ``compare.work``.

    Returns:
        For each method the points (epochs or work, figure) after its legs and its last epoch. The
        first point is the untrained network, if the comparison has one.
    """
    start = [value_of(run, key) for run in runs if run.get("epochs") == 0]
    start = [value for value in start if value is not None]
    trends = {}
    for method in dict.fromkeys(run["method"] for run in runs):
        values: dict[float, list[float]] = {}
        for run in (run for run in runs if run["method"] == method):
            for part in [*run.get("legs", ()), run]:
                value = value_of(part, key)
                if value is None or not part.get("epochs"):
                    continue
                work = part.get("work_per_step", 0) * part.get("steps_per_epoch", 0) / 1000
                at = part["epochs"] * (work if over == "work" else 1)
                values.setdefault(at, []).append(value)
        if values:
            points = [(at, mean(figures)) for at, figures in sorted(values.items())]
            trends[method] = [*([(0.0, mean(start))] if start else []), *points]
    return trends


def _row(
    method: str, runs: Sequence[dict[str, Any]], columns: dict[str, tuple[str, int]]
) -> list[str]:
    done = [run for run in runs if "error" not in run]
    if not done:
        return [method, "failed", *[""] * (len(columns) - 1)]
    return [
        method,
        *(
            _cell([value_of(run, key) for run in done], digits, key in _GIVEN)
            for key, (_, digits) in columns.items()
        ),
    ]


def _cell(values: Sequence[float | None], digits: int, given: bool) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    measured = not given or len(set(known)) > 1
    spread = f" ± {stdev(known):.{digits}f}" if measured and len(known) > 1 else ""
    return f"{mean(known):.{digits}f}{spread}"


def _foot(methods: Sequence[str], runs: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for method in methods:
        method_runs = [run for run in runs if run["method"] == method]
        deviations = method_runs[0]["deviations"]
        if deviations:
            lines.append(f"{method}: {'; '.join(deviations)}.")
        lines += [
            f"{method}, seed {run['seed']}, failed: {run['error']}"
            for run in method_runs
            if "error" in run
        ]
    return lines


def _caption(settings: dict[str, Any]) -> str:
    epochs, minutes = settings["budget"]["epochs"], settings["budget"]["minutes"]
    budget = f"{epochs} epochs" if epochs else f"{minutes} minutes"
    changes = f", {' '.join(settings['overrides'])}" if settings["overrides"] else ""
    return (
        f"{settings['config']}{changes}: {settings['images']} training images, {budget} for each "
        f"method, {settings['host']} host. The table shows means and standard deviations over the "
        "seeds, of kNN with k = 20 and of a linear probe on the validation set. The probe's "
        "learning rate is chosen for each run on a tenth of the training images."
    )
