"""The results of robustness as tables, JSON, an HTML page and a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leoclr_plugin.evaluation.corruptions import SEVERITIES
from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.html import Report
from leoclr_plugin.system.files import write_json, write_text

_CLASSIFIERS = {"linear": "linear classifier", "knn": "kNN"}
_Table = tuple[list[str], list[list[str]]]


def by_corruption(result: dict[str, Any], classifier: str = "linear") -> _Table:
    """Return the header and the rows of one run: a row for each corruption, then their mean.

    Args:
        result: what ``evaluation.robustness.robustness`` returns.
        classifier: ``"linear"`` or ``"knn"``.
    """
    figures = result[classifier]
    rows = [
        [name, *_cells([*values, sum(values) / len(values)])]
        for name, values in figures["corrupted"].items()
    ]
    rows.append(["mean", *_cells([*figures["by_severity"], figures["mean"]])])
    return ["corruption", *(f"severity {number}" for number in SEVERITIES), "mean"], rows


def by_severity(results: Sequence[dict[str, Any]]) -> _Table:
    """Return the header and the rows of all runs: two rows for each, of means over corruptions."""
    header = ["run", "classifier", "clean", *map(str, SEVERITIES), "mean", "% of clean"]
    rows = []
    for result in results:
        for name, title in _CLASSIFIERS.items():
            part = result[name]
            numbers = _cells([part["clean"], *part["by_severity"], part["mean"]])
            relative = "-" if part["relative"] is None else f"{part['relative']:.1f}"
            rows.append([result["run"], title, *numbers, relative])
    return header, rows


def severity_curves(results: Sequence[dict[str, Any]], classifier: str = "linear") -> str:
    """Draw the mean over the corruptions against the severity; return an ``<svg>`` element."""
    curves = {
        result["run"]: list(
            enumerate([result[classifier]["clean"], *result[classifier]["by_severity"]])
        )
        for result in results
    }
    return loss_curves(curves, places=["clean", *(f"severity {number}" for number in SEVERITIES)])


def write_robustness(folder: Path, results: Sequence[dict[str, Any]]) -> None:
    """Write ``robustness.json``, ``robustness.html`` and ``robustness.svg`` to a folder.

    Args:
        folder: the folder, which must exist.
        results: for each run what ``evaluation.robustness.robustness`` returns, with the ``run``
            and the ``seed``.
    """
    first = results[0]
    report = Report("Accuracy on corrupted pictures")
    report.text(
        f"{first['metric']} in percent on {first['val_images']} validation images with each of 15 "
        f"corruptions in five severities, seed {first['seed']}. The classifiers were trained on "
        f"the features of {first['train_images']} clean training images."
    )
    report.table(*by_severity(results))
    for name, title in _CLASSIFIERS.items():
        report.heading(f"{title[0].upper()}{title[1:]}: mean over the corruptions")
        report.svg(severity_curves(results, name))
        for result in results:
            report.heading(f"{result['run']}, {title}")
            report.table(*by_corruption(result, name))
    report.write(folder / "robustness.html")
    write_text(folder / "robustness.svg", f"{severity_curves(results)}\n")
    content = {"results": list(results), "environment": environment()}
    write_json(folder / "robustness.json", content)


def _cells(numbers: Sequence[float]) -> list[str]:
    return [f"{number:.2f}" for number in numbers]
