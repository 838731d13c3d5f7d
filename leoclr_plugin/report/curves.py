"""Draw curves of a metric as SVG, over the epochs or over named places, by no library."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path

from leoclr_plugin.report.markup import escaped
from leoclr_plugin.system.files import read_text

_WIDTH, _HEIGHT, _MARGIN = 640, 280, 46
_COLOURS = (
    *("#1f5fbf", "#d1601f", "#2e8b57", "#8b3a8b", "#7a6a00", "#444444"),
    *("#e377c2", "#17a2b8", "#8c564b", "#6fbf1f", "#c0392b", "#9aa0a6"),
)
_MIN_NAME_WIDTH, _LETTER_WIDTH, _ROW_HEIGHT = 120, 7, 16
_MOST_MARKS = 6  # on an axis


def read_metric(path: Path, name: str) -> list[tuple[float, float]]:
    """Read one column of Lightning's ``metrics.csv`` as points (epoch, value).

    Epochs are counted from 1. A training that was killed may have left a part of the last row,
    which is not read.
    """
    whole = read_text(path).rpartition("\n")[0]
    rows = [row for row in csv.DictReader(whole.splitlines()) if row.get(name)]
    return [(float(row["epoch"]) + 1, float(row[name])) for row in rows]


def read_resumed_metric(files: Iterable[Path], name: str) -> list[tuple[float, float]]:
    """Read a column of a training that was interrupted, which has one file per resumption.

    When two files have the same epoch, the value of the newer file is used.
    """
    oldest_first = sorted(files, key=lambda path: path.stat().st_mtime)
    points = [point for file in oldest_first for point in read_metric(file, name)]
    return sorted(dict(points).items())


def loss_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    unit: str = "epoch",
    places: Sequence[str] = (),
) -> str:
    """Draw curves of points (epoch, value) by name and return an ``<svg>`` element.

    The horizontal axis begins where the first curve does.

    Args:
        curves: the points by name; the names are the legend.
        unit: what the first number of a point counts.
        places: the names of the points at 0, 1, ... of the horizontal axis, for curves over things
            that have names instead of numbers. Each point of the curves gets a mark then.
    """
    points = [point for curve in curves.values() for point in curve]
    left, right = min((x for x, _ in points), default=1), max((x for x, _ in points), default=1)
    if places:
        left, right = 0, len(places) - 1
    length = (right - left) or 1.0
    low, high = min((y for _, y in points), default=0), max((y for _, y in points), default=1)
    span = (high - low) or 1.0
    name_width = max([_MIN_NAME_WIDTH, *(_LETTER_WIDTH * len(name) + 16 for name in curves)])
    names_per_row = max(1, (_WIDTH - _MARGIN) // name_width)
    top = _MARGIN + _ROW_HEIGHT * ((len(curves) - 1) // names_per_row)
    height = _HEIGHT - _MARGIN + top

    def place(x: float, y: float) -> tuple[float, float]:
        across = _MARGIN + (_WIDTH - 2 * _MARGIN) * (x - left) / length
        down = height - _MARGIN - (_HEIGHT - 2 * _MARGIN) * (y - low) / span
        return across, down

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" font-size="12" '
        'font-family="sans-serif" role="img">',
    ]
    for value, text in axis_marks(low, high):
        _, down = place(left, value)
        parts += [
            f'<path d="M{_MARGIN},{down:.1f} H{_WIDTH - _MARGIN}" stroke="#ddd"/>',
            f'<text x="{_MARGIN - 6}" y="{down + 4:.1f}" text-anchor="end">{text}</text>',
        ]
    parts.append(
        f'<path d="M{_MARGIN},{top} V{height - _MARGIN} H{_WIDTH - _MARGIN}" fill="none" '
        'stroke="#888"/>'
    )
    if places:
        for i, name in enumerate(places):
            across, _ = place(i, low)
            # Neighbours are on two lines, so that long names have room.
            down = height - 28 + 14 * (i % 2)
            anchor = "start" if i == 0 else "end" if i == len(places) - 1 else "middle"
            parts.append(
                f'<text x="{across:.1f}" y="{down}" text-anchor="{anchor}">{escaped(name)}</text>'
            )
    else:
        for value, text in axis_marks(left, right, whole=all(x == int(x) for x, _ in points)):
            across, bottom = place(value, low)
            parts += [
                f'<path d="M{across:.1f},{bottom:.1f} v4" stroke="#888"/>',
                f'<text x="{across:.1f}" y="{height - 26}" text-anchor="middle">{text}</text>',
            ]
        middle, name = _WIDTH // 2, escaped(unit)
        parts.append(f'<text x="{middle}" y="{height - 8}" text-anchor="middle">{name}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        placed = [place(x, y) for x, y in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in placed if places else ():
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        row, column = divmod(i, names_per_row)
        x, y = _MARGIN + 12 + name_width * column, 20 + _ROW_HEIGHT * row
        parts.append(f'<text x="{x}" y="{y}" fill="{colour}">{escaped(name)}</text>')
    return "".join([*parts, "</svg>"])


def axis_marks(low: float, high: float, whole: bool = False) -> list[tuple[float, str]]:
    """Choose the round numbers that an axis is marked at, with their texts.

    Args:
        low: the lower end of the axis.
        high: its upper end, at least ``low``.
        whole: whether the axis only has whole numbers.

    Returns:
        The multiples of 1, 2 or 5 times a power of ten that lie between the ends, at most
        ``_MOST_MARKS`` and one; one end alone if both are the same.
    """
    if high == low:
        return [(low, f"{low:g}")]
    rough = (high - low) / _MOST_MARKS
    power = floor(log10(rough))
    step = next(one for n in (1, 2, 5, 10) if (one := n * 10.0**power) >= rough)
    step = max(step, 1.0) if whole else step
    decimals = max(0, -floor(log10(step)))
    # A step such as 0.1 is not exact in binary, so the quotients are rounded first.
    numbers = range(ceil(round(low / step, 9)), floor(round(high / step, 9)) + 1)
    texts = [f"{number * step:.{decimals}f}" for number in numbers]
    return [(float(text), text) for text in texts]
