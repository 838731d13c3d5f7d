"""The paper's plot of an ablation: accuracy against the augmentations that were taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.html import Report

_NOTHING = "nothing"
_Points = dict[str, list[tuple[float, float]]]


def removal_curves(rows: Mapping[str, Any], title: str) -> tuple[list[str], _Points]:
    """Return the points of the plot.

    Args:
        rows: the content of ``rows.json`` of ``compare.ablation.ablate``.
        title: the title of a figure, such as ``linear top-1 %``.

    Returns:
        What was taken away at each place of the horizontal axis, beginning with nothing if this
        was measured; and for each method its points (place, figure). Rows that take nothing away
        but change something else are left out.
    """
    removing = [row for row in rows.values() if row.get("removes")]
    # Python's sort keeps the order of the others, which is that of the user.
    removing.sort(key=lambda row: row["removes"] != _NOTHING)
    points: _Points = {}
    for place, row in enumerate(removing):
        for method, figure in row["figures"].get(title, {}).items():
            points.setdefault(method, []).append((place, figure))
    return [row["removes"] for row in removing], points


def removal_plot(rows: Mapping[str, Any], title: str) -> str | None:
    """Draw a figure against what was taken away; None if there are not two rows to draw."""
    places, points = removal_curves(rows, title)
    return loss_curves(points, places=places) if len(places) > 1 and points else None


def add_removals(report: Report, rows: Mapping[str, Any]) -> None:
    """Add the plots of all figures, and of their changes, to a report.

    A change is the figure minus the one with all augmentations, so that methods which begin at
    different heights can be compared. It is left out without the row that takes nothing away.
    """
    titles = dict.fromkeys(title for row in rows.values() for title in row.get("figures", ()))
    for title in titles:
        plot = removal_plot(rows, title)
        if plot is None:
            continue
        report.heading(f"{title} by what was taken away")
        report.svg(plot)
        places, points = removal_curves(rows, title)
        changes = {
            method: [(place, figure - curve[0][1]) for place, figure in curve]
            for method, curve in points.items()
            if curve[0][0] == 0
        }
        if places[0] == _NOTHING and changes:
            report.heading(f"{title}: change against all augmentations")
            report.svg(loss_curves(changes, places=places))
