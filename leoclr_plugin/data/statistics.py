"""The mean and the standard deviation of each channel over all pixels of some images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from leoclr_plugin.data.images import UnreadableImage
from leoclr_plugin.data.in_order import in_order
from leoclr_plugin.data.levels import Levels, OutOfRange, ends
from leoclr_plugin.data.raw import read_raw
from leoclr_plugin.data.stored import Images
from leoclr_plugin.errors import UserError


@dataclass(frozen=True)
class Statistics:
    """Statistics of the levels of images, scaled to [0, 1].

    Attributes:
        images: the number of images.
        pixels: their number of pixels.
        mean: of each channel, over all pixels.
        std: of each channel, over all pixels; the sum is divided by the number of pixels.
    """

    images: int
    pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def statistics(images: Images, levels: Levels | None, threads: int) -> Statistics:
    """Compute the statistics of images, one after another, so memory holds a few of them.

    The means and the sums of squares of two sets of pixels are joined by the formulas of Chan,
    Golub and LeVeque (1983), which lose no digits where the levels are far from 0.

    Args:
        images: the images.
        levels: how their levels are read; None for RGB of 8 bits.
        threads: the number of threads that decode.

    Raises:
        UserError: if an image cannot be read. If its levels are outside of the range, the text has
            the range of all images.
    """
    pixels, mean, squares = 0, np.zeros(()), np.zeros(())
    parts = in_order(lambda index: _of_image(images, index, levels), range(len(images)), threads)
    for part in tqdm(parts, "Images", len(images), leave=False):
        if isinstance(part, UnreadableImage):
            outside = isinstance(part.__cause__, OutOfRange)
            raise UserError(f"{part}{_span_of(images, threads) if outside else ''}") from part
        count, its_mean, its_squares = part
        delta, total = its_mean - mean, pixels + count
        mean = mean + delta * count / total
        squares = squares + its_squares + delta**2 * pixels * count / total
        pixels = total
    std = np.sqrt(squares / pixels)
    return Statistics(len(images), pixels, *(tuple((x / 255).tolist()) for x in (mean, std)))


def _of_image(
    images: Images, index: int, levels: Levels | None
) -> tuple[int, np.ndarray, np.ndarray] | UnreadableImage:
    """Return the number of pixels, the means and the sums of squared deviations of the channels."""
    try:
        image = images.decode(index, levels)
    except UnreadableImage as error:
        return error
    rows = image.reshape(-1, image.shape[2]).astype(np.float64)
    mean = rows.mean(axis=0)
    return len(rows), mean, ((rows - mean) ** 2).sum(axis=0)


def _span_of(images: Images, threads: int) -> str:
    """Return the range of the levels of all images that can be read, as text."""
    parts = in_order(lambda index: _ends(images, index), range(len(images)), threads)
    known = [span for span in tqdm(parts, "Levels", len(images), leave=False) if span is not None]
    low, high = min(span[0] for span in known), max(span[1] for span in known)
    return f"; the levels of all {len(known)} images go from {low:g} to {high:g}"


def _ends(images: Images, index: int) -> tuple[float, float] | None:
    try:
        span = ends(read_raw(images.name(index), images.read(index)))
    except MemoryError:
        raise
    # A damaged file can raise almost any kind of error in the many readers.
    except Exception:
        return None
    return span if np.isfinite(span).all() else None
