"""Draw the similarities of pairs as a histogram, and some pairs of each range as a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from leoclr_plugin.data.pairs.histogram import Histogram, name_of, range_of
from leoclr_plugin.report.markup import escaped

_WIDTH, _BAR, _GAP_OF_BARS, _LEFT = 640, 22, 6, 150
# The frames and bars of pairs of one class, of two classes, and of unknown ones.
_COLOURS = {1: "#2e8b57", 0: "#c0392b", -1: "#888888"}
_NO_SCORE = "no score"
_PAIRS, _CELL, _FRAME, _GAP = 6, 88, 4, 14
_TITLE_WIDTH = 150


@dataclass(frozen=True)
class Range:
    """The pairs whose similarity lies in a range.

    Attributes:
        name: the range in words.
        low: its lower end; None for pairs without a score.
        high: its upper end.
        rows: the pairs ``[n]``.
        known: the number of pairs whose two classes are known.
        same: the number of pairs of one class.
    """

    name: str
    low: float | None
    high: float | None
    rows: np.ndarray
    known: int
    same: int

    @property
    def share(self) -> float | None:
        """The share of pairs of one class in percent; None if no class is known."""
        return 100 * self.same / self.known if self.known else None


def ranges_of(scores: np.ndarray, same: np.ndarray) -> list[Range]:
    """Sort pairs by their similarity into at most twelve ranges.

    Args:
        scores: the similarity ``[P]`` of each pair; NaN if it is unknown.
        same: ``[P]``: 1 for two images of one class, 0 for others, -1 if a class is unknown.
    """
    scored = np.flatnonzero(np.isfinite(scores))
    ranges = []
    if len(scored):
        histogram = Histogram()
        histogram.add(scores[scored])
        edges = histogram.edges()
        places = range_of(scores[scored], edges)
        for number, (low, high) in enumerate(pairwise(edges)):
            rows = scored[places == number]
            ranges.append(_range(name_of(low, high), float(low), float(high), rows, same))
    rows = np.flatnonzero(np.isnan(scores))
    if len(rows):
        ranges.append(_range(_NO_SCORE, None, None, rows, same))
    return ranges


def _range(
    name: str, low: float | None, high: float | None, rows: np.ndarray, same: np.ndarray
) -> Range:
    known = same[rows]
    return Range(name, low, high, rows, int((known >= 0).sum()), int((known == 1).sum()))


def histogram_svg(ranges: Sequence[Range]) -> str:
    """Draw a bar for each range, of green for one class, red for two, and grey for unknown ones.

    Returns:
        An ``<svg>`` element.
    """
    longest = max(len(one.rows) for one in ranges) or 1
    height = 30 + len(ranges) * (_BAR + _GAP_OF_BARS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" font-size="12" font-family="sans-serif" role="img">',
        f'<text x="4" y="16">similarity</text><text x="{_LEFT}" y="16">pairs</text>',
    ]
    for number, one in enumerate(ranges):
        top = 26 + number * (_BAR + _GAP_OF_BARS)
        parts.append(f'<text x="4" y="{top + 15}">{escaped(one.name)}</text>')
        left = float(_LEFT)
        counts = {1: one.same, 0: one.known - one.same, -1: len(one.rows) - one.known}
        for kind, count in counts.items():
            width = (_WIDTH - _LEFT - 130) * count / longest
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" '
                f'fill="{_COLOURS[kind]}"/>'
            )
            left += width
        share = "" if one.share is None else f", {one.share:.0f} % one class"
        text = f"{len(one.rows)}{share}"
        parts.append(f'<text x="{left + 6:.1f}" y="{top + 15}">{text}</text>')
    return "".join([*parts, "</svg>"])


def pair_grid(
    ranges: Sequence[Range],
    images: np.ndarray,
    partners: np.ndarray,
    same: np.ndarray,
    image: Callable[[int], Image.Image],
) -> Image.Image:
    """Draw up to six random pairs of each range in a row, the highest similarities first.

    The frame of a pair is green for one class, red for two, and grey if a class is unknown.

    Args:
        ranges: what ``ranges_of`` returns.
        images: the index of each pair's image ``[P]``.
        partners: the index of its partner ``[P]``.
        same: see ``ranges_of``.
        image: returns the RGB picture of an index.
    """
    shown = [one for one in reversed(ranges) if len(one.rows)]
    width = _TITLE_WIDTH + _PAIRS * (2 * _CELL + 2 * _FRAME + _GAP)
    height = _GAP + len(shown) * (_CELL + 2 * _FRAME + _GAP)
    grid = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=13)
    rng = np.random.default_rng(0)
    for line, one in enumerate(shown):
        top = _GAP + line * (_CELL + 2 * _FRAME + _GAP)
        draw.text((6, top + _CELL // 2), one.name, fill="black", font=font, anchor="lm")
        # A pair may be there from both sides, but is drawn once.
        sides = np.sort(np.stack([images[one.rows], partners[one.rows]], axis=1), axis=1)
        different = one.rows[np.unique(sides, axis=0, return_index=True)[1]]
        chosen = rng.permutation(different)[:_PAIRS].tolist()
        for column, row in enumerate(chosen):
            left = _TITLE_WIDTH + column * (2 * _CELL + 2 * _FRAME + _GAP)
            frame = (left, top, left + 2 * (_CELL + _FRAME) - 1, top + _CELL + 2 * _FRAME - 1)
            draw.rectangle(frame, fill=_COLOURS[int(same[row])])
            for side, index in enumerate((images[row], partners[row])):
                cell = image(int(index)).resize((_CELL, _CELL))
                grid.paste(cell, (left + _FRAME + side * _CELL, top + _FRAME))
    return grid
