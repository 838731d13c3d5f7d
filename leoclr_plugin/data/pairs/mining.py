"""Choose the pairs of neighbours whose similarity lies in a band."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from leoclr_plugin.data.pairs.histogram import Histogram
from leoclr_plugin.data.pairs.search import Found
from leoclr_plugin.errors import UserError

# Near-duplicates take none of the k places as long as an image has no more of them than this.
SPARE = 32


@dataclass(frozen=True)
class Mined:
    """The pairs that were found.

    Attributes:
        images: the index of each pair's image ``[P]``, in order.
        partners: the index of its partner ``[P]``, the most similar first.
        scores: their cosine ``[P]``.
        histogram: the cosines of the k nearest neighbours of all images, in the band or not.
        duplicates: the number of pairs above the band, each counted once.
        crowded: the number of images that may have more neighbours in the band, because
            near-duplicates took their places.
        one_sided: the number of pairs that were left out because they were found from one side.
    """

    images: np.ndarray
    partners: np.ndarray
    scores: np.ndarray
    histogram: Histogram
    duplicates: int
    crowded: int
    one_sided: int


def choose_pairs(
    neighbours: Iterable[tuple[int, Found]],
    count: int,
    k: int,
    band: tuple[float, float],
    mutual: bool = False,
) -> Mined:
    """Choose for each image its k nearest neighbours that are not above the band, then the band.

    Args:
        neighbours: what ``find_neighbours`` yields; k + ``SPARE`` for each image.
        count: the number N of images.
        k: the number of neighbours.
        band: the lowest and the highest cosine of a pair. A neighbour above it is a near-duplicate.
        mutual: whether to keep only pairs that were found from both images.

    Raises:
        UserError: if no pair is left. The message has the histogram in words.
    """
    low, high = band
    histogram = Histogram()
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    duplicates, crowded = [], 0
    for first, (cosines, indexes) in neighbours:
        there = indexes >= 0
        histogram.add(cosines[:, :k][there[:, :k]])
        above = there & (cosines > high)
        others = there & ~above
        own = np.broadcast_to(np.arange(first, first + len(indexes))[:, None], indexes.shape)
        duplicates.append(_keys(own[above], indexes[above], count))
        full = there.all(axis=1) & (indexes.shape[1] < count - 1)
        crowded += int((full & (others.sum(axis=1) < k)).sum())
        kept = others & (np.cumsum(others, axis=1) <= k) & (cosines >= low)
        rows.append((own[kept], indexes[kept], cosines[kept]))
    images, partners, scores = (np.concatenate(column) for column in zip(*rows, strict=True))
    in_band = len(images)
    if mutual:
        both = np.isin(images * count + partners, partners * count + images)
        images, partners, scores = images[both], partners[both], scores[both]
    if not len(images):
        of_both = f", but {in_band} were found from one side only" if in_band else ""
        raise UserError(
            f"no pair of neighbours has a similarity from {low:g} to {high:g}{of_both}; of the "
            f"{histogram.total} pairs, {histogram.in_words()}; choose another band with "
            "--min-similarity and --max-similarity"
        )
    return Mined(
        images,
        partners,
        scores,
        histogram,
        len(np.unique(np.concatenate(duplicates))),
        crowded,
        in_band - len(images),
    )


def _keys(images: np.ndarray, partners: np.ndarray, count: int) -> np.ndarray:
    """Return a number for each pair, the same from both sides."""
    return np.minimum(images, partners) * count + np.maximum(images, partners)
