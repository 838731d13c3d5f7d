"""The table of transfers as text, CSV, JSON and an HTML page: a row for each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.html import Report
from leoclr_plugin.system.csv_cells import csv_lines
from leoclr_plugin.system.files import write_json, write_text

_COLUMNS = (
    *("run", "dataset", "metric", "value", "standard_error", "top1", "mean_per_class", "mAP"),
    *("strength", "converged", "train_images", "test_images"),
)
_CAPTION = (
    "Logistic regression on frozen features, in percent. The number after ± is the standard error "
    "of the test images."
)


def table_of(results: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table: a row for each run, a column for each data set.

    Args:
        results: for each run and data set the result of ``evaluation.transfer.transfer``, with
            the ``run`` and the ``dataset``.
    """
    metrics = {result["dataset"]: result["metric"] for result in results}
    cells = {
        (result["run"], result["dataset"]): (
            f"{result['value']:.2f} ± {result['standard_error']:.2f}"
        )
        for result in results
    }
    header = ["run", *(f"{dataset} {metric} %" for dataset, metric in metrics.items())]
    rows = [
        [run, *(cells.get((run, dataset), "-") for dataset in metrics)]
        for run in dict.fromkeys(result["run"] for result in results)
    ]
    return header, rows


def write_table(folder: Path, results: Sequence[dict[str, Any]]) -> None:
    """Write ``transfer.json``, ``transfer.csv`` and ``transfer.html`` to a folder.

    Args:
        folder: the folder, which must exist.
        results: see ``table_of``.
    """
    header, rows = table_of(results)
    lines = [_COLUMNS, *([result.get(name) for name in _COLUMNS] for result in results)]
    report = Report("Transfer to other data sets")
    report.text(_CAPTION)
    report.table(header, rows)
    write_text(folder / "transfer.csv", "".join(csv_lines(lines)))
    report.write(folder / "transfer.html")
    content = {"header": header, "rows": rows, "results": list(results)}
    write_json(folder / "transfer.json", {**content, "environment": environment()})
