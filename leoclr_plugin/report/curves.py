"""Draw curves of a metric over the epochs as SVG, without a plotting library."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT, _MARGIN = 640, 280, 46
_COLOURS = (
    *("#1f5fbf", "#d1601f", "#2e8b57", "#8b3a8b", "#7a6a00", "#444444"),
    *("#e377c2", "#17a2b8", "#8c564b", "#6fbf1f", "#c0392b", "#9aa0a6"),
)
_NAMES_PER_ROW, _ROW_HEIGHT = 5, 16


def read_metric(path: Path, name: str) -> list[tuple[float, float]]:
    """Read one column of Lightning's ``metrics.csv`` as points (epoch, value).

    Epochs are counted from 1.
    """
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get(name)]
    return [(float(row["epoch"]) + 1, float(row[name])) for row in rows]


def read_resumed_metric(files: Iterable[Path], name: str) -> list[tuple[float, float]]:
    """Read a column of a training that was interrupted, which has one file per resumption.

    When two files have the same epoch, the value of the newer file is used.
    """
    oldest_first = sorted(files, key=lambda path: path.stat().st_mtime)
    points = [point for file in oldest_first for point in read_metric(file, name)]
    return sorted(dict(points).items())


def loss_curves(curves: Mapping[str, Sequence[tuple[float, float]]], unit: str = "epoch") -> str:
    """Draw curves of points (epoch, value) by name and return an ``<svg>`` element.

    The horizontal axis begins where the first curve does.

    Args:
        curves: the points by name; the names are the legend.
        unit: what the first number of a point counts.
    """
    points = [point for curve in curves.values() for point in curve]
    left, right = min((x for x, _ in points), default=1), max((x for x, _ in points), default=1)
    length = (right - left) or 1.0
    low, high = min((y for _, y in points), default=0), max((y for _, y in points), default=1)
    span = (high - low) or 1.0
    top = _MARGIN + _ROW_HEIGHT * ((len(curves) - 1) // _NAMES_PER_ROW)
    height = _HEIGHT - _MARGIN + top

    def place(x: float, y: float) -> str:
        across = _MARGIN + (_WIDTH - 2 * _MARGIN) * (x - left) / length
        down = height - _MARGIN - (_HEIGHT - 2 * _MARGIN) * (y - low) / span
        return f"{across:.1f},{down:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" font-size="12" '
        'font-family="sans-serif" role="img">',
        f'<path d="M{_MARGIN},{top} V{height - _MARGIN} H{_WIDTH - _MARGIN}" fill="none" '
        'stroke="#888"/>',
        f'<text x="4" y="{top + 4}">{high:.2f}</text>',
        f'<text x="4" y="{height - _MARGIN + 4}">{low:.2f}</text>',
        f'<text x="{_MARGIN}" y="{height - 24}">{escape(unit)} {left:.0f}</text>',
        f'<text x="{_WIDTH - _MARGIN}" y="{height - 24}" text-anchor="end">{right:.0f}</text>',
    ]
    for i, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        line = " ".join(place(x, y) for x, y in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        row, column = divmod(i, _NAMES_PER_ROW)
        x, y = _MARGIN + 12 + 120 * column, 20 + _ROW_HEIGHT * row
        parts.append(f'<text x="{x}" y="{y}" fill="{colour}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])
