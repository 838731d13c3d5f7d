"""The rectangles of RandomResizedCrop, of random numbers that were drawn before."""

from __future__ import annotations

import numpy as np

from leoclr_plugin.data.dali.draws import ASPECT_RATIOS


def crop_regions(
    sizes: np.ndarray, areas: np.ndarray, ratios: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Regions of a batch: the first of the rectangles that fits into the image.

    Where none does, the largest one at the centre whose ratio is allowed: torchvision's
    RandomResizedCrop.

    Args:
        sizes: of the images ``[n, 2]``: height and width.
        areas: of each image's attempts ``[n, ATTEMPTS]``, as parts of the image.
        ratios: of each image's attempts ``[n, ATTEMPTS]``, width to height.
        places: of the rectangle in its range ``[n, 2]`` (y, x), in [0, 1).

    Returns:
        Top left and bottom right corners ``[n, 2]`` (y, x) in pixels, float32.
    """
    size = sizes.astype(np.float32)
    area = areas * size.prod(axis=1, keepdims=True)
    sides = np.floor(np.sqrt(np.stack([area / ratios, area * ratios], axis=-1)) + 0.5)
    fits = ((sides > 0) & (sides <= size[:, None])).all(axis=-1)
    first = np.take_along_axis(sides, fits.argmax(axis=1)[:, None, None], axis=1)[:, 0]
    low, high = ASPECT_RATIOS
    allowed = size[:, ::-1] * np.array([1 / low, high], np.float32)
    largest = np.minimum(size, np.floor(allowed + 0.5))
    found = fits.any(axis=1)[:, None]
    crop = np.where(found, first, largest)
    spare = size - crop
    start = np.where(found, np.floor(places * (spare + 1)), spare // 2)
    return start, start + crop
