"""The comparison as a table: text, CSV, JSON and one HTML page with curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from leoclr_plugin.environment import environment
from leoclr_plugin.files import write_json, write_text
from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.tables import text_table

_COLUMNS = {
    "knn_top1": ("kNN top-1 %", 2),
    "linear_top1": ("linear top-1 %", 2),
    "images_per_second": ("images/s", 1),
    "seconds_per_epoch": ("s/epoch", 1),
    "peak_memory_mib": ("peak MiB", 0),
    "epochs": ("epochs", 0),
}
HEADER = ("method", *(title for title, _ in _COLUMNS.values()))


def write_report(
    out: Path, runs: Sequence[dict[str, Any]], settings: dict[str, Any]
) -> dict[str, Any]:
    """Write ``results.json``, ``results.csv``, ``table.txt`` and ``report.html`` under ``out``.

    Args:
        out: a folder.
        runs: of each method and seed what ``compare.worker`` measured, or an ``error``.
        settings: of the comparison, for the record.

    Returns:
        The content of ``results.json``.
    """
    methods = list(dict.fromkeys(run["method"] for run in runs))
    rows = [_row(method, [run for run in runs if run["method"] == method]) for method in methods]
    foot = _foot(methods, runs)
    content = {
        "header": HEADER,
        "rows": rows,
        "foot": foot,
        "runs": list(runs),
        "settings": settings,
        "environment": environment(),
    }
    write_json(out / "results.json", content)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["method", "seed", *_COLUMNS, "error"])
    for run in runs:
        writer.writerow(
            [run["method"], run["seed"], *(run.get(key) for key in _COLUMNS), run.get("error")]
        )
    write_text(out / "results.csv", lines.getvalue())
    table = "\n".join([text_table(HEADER, rows), _about(settings), *foot])
    write_text(out / "table.txt", f"{table}\n")

    report = Report("Methods compared")
    report.text(_about(settings))
    report.table(HEADER, rows)
    for line in foot:
        report.text(line)
    curves = {run["method"]: run["curve"] for run in reversed(runs) if run.get("curve")}
    if curves:
        report.heading("Validation accuracy of the online linear classifier, %")
        report.text("Of each method's first seed, over the epochs.")
        report.svg(loss_curves(dict(reversed(curves.items()))))
    report.write(out / "report.html")
    return content


def _row(method: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    done = [run for run in runs if "error" not in run]
    if not done:
        return [method, "failed", *[""] * (len(_COLUMNS) - 1)]
    return [method, *(_cell([run.get(key) for run in done], d) for key, (_, d) in _COLUMNS.items())]


def _cell(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    spread = f" ± {stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{mean(known):.{digits}f}{spread}"


def _foot(methods: Sequence[str], runs: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for method in methods:
        own = [run for run in runs if run["method"] == method]
        if own[0]["deviations"]:
            lines.append(f"{method}: {'; '.join(own[0]['deviations'])}.")
        lines += [f"{method}, seed {r['seed']}, failed: {r['error']}" for r in own if "error" in r]
    return lines


def _about(settings: dict[str, Any]) -> str:
    budget = settings["budget"]
    much = f"{budget['epochs']} epochs" if budget["epochs"] else f"{budget['minutes']} minutes"
    changed = f", {' '.join(settings['overrides'])}" if settings["overrides"] else ""
    return (
        f"{settings['config']}{changed}: {settings['images']} training images, {much} of each "
        f"method, {settings['host']} host. Mean and standard deviation over the seeds; kNN with "
        "k = 20 and a linear probe on features of the validation set, the probe's learning rate "
        "chosen for each run on a tenth of the training images."
    )
