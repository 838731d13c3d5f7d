"""The rectangle of RandomResizedCrop, of random numbers that were drawn before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leoclr_plugin.data.dali.draws import ASPECT_RATIOS

Arrays = Sequence[np.ndarray]


def crop_regions(
    shapes: Arrays, areas: Arrays, ratios: Arrays, places: Arrays
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Regions of a batch: the first of the rectangles that fits into the image.

    Where none does, the largest one at the centre whose ratio is allowed: torchvision's
    RandomResizedCrop.

    Args:
        shapes: of the images: height, width and channels.
        areas: of each image's attempts, as parts of the image.
        ratios: of each image's attempts, width to height.
        places: of the rectangle in its range (y, x), in [0, 1).

    Returns:
        Top left and bottom right corners (y, x) in pixels, a list of float32 arrays of each.
    """
    size = np.stack(shapes)[:, :2].astype(np.int64)
    height, width = size.T
    area = np.stack(areas) * (height * width)[:, None]
    ratio = np.stack(ratios)
    drawn = np.stack([np.sqrt(area / ratio), np.sqrt(area * ratio)], axis=-1)
    sides = np.floor(drawn + 0.5).astype(np.int64)
    fits = ((sides > 0) & (sides <= size[:, None])).all(axis=-1)
    first = np.take_along_axis(sides, fits.argmax(axis=1)[:, None, None], axis=1)[:, 0]
    low, high = ASPECT_RATIOS
    largest = np.minimum(size, np.floor(size[:, ::-1] * (1 / low, high) + 0.5).astype(np.int64))
    found = fits.any(axis=1)[:, None]
    crop = np.where(found, first, largest)
    spare = size - crop
    start = np.where(found, np.floor(np.stack(places) * (spare + 1)).astype(np.int64), spare // 2)
    return [*start.astype(np.float32)], [*(start + crop).astype(np.float32)]
