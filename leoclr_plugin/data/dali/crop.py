"""The rectangles of RandomResizedCrop, of random numbers that were drawn before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leoclr_plugin.data.dali.draws import ASPECT_RATIOS, ATTEMPTS

Arrays = Sequence[np.ndarray]


def crop_regions(shapes: Arrays, *drawn: Arrays) -> list[np.ndarray]:
    """Regions of a batch: of each crop the first of the rectangles that fits into the image.

    Where none does, the largest one at the centre whose ratio is allowed: torchvision's
    RandomResizedCrop.

    Args:
        shapes: of the images: height, width and channels.
        drawn: for each crop, of each image: the areas of the attempts, as parts of the image,
            their ratios, width to height, and the rectangle's place in its range (y, x), in
            [0, 1).

    Returns:
        Of each image the top left and bottom right corners (y, x) of its crops, in pixels:
        ``[crops, 2, 2]`` float32.
    """
    # Of all crops at once, and of the lists by concatenation: DALI hands over single images, and
    # this runs beside a training that wants the same interpreter.
    size = np.concatenate(shapes).reshape(len(shapes), 1, 3)[..., :2].astype(np.float32)
    crops = [np.concatenate(values).reshape(len(values), -1) for values in drawn]
    areas, ratio, places = np.split(np.stack(crops, axis=1), [ATTEMPTS, 2 * ATTEMPTS], axis=-1)
    area = areas * size.prod(axis=-1, keepdims=True)
    sides = np.floor(np.sqrt(np.stack([area / ratio, area * ratio], axis=-1)) + 0.5)
    fits = ((sides > 0) & (sides <= size[:, :, None])).all(axis=-1)
    first = np.take_along_axis(sides, fits.argmax(axis=-1)[..., None, None], axis=-2)[..., 0, :]
    low, high = ASPECT_RATIOS
    allowed = size[..., ::-1] * np.array([1 / low, high], np.float32)
    largest = np.minimum(size, np.floor(allowed + 0.5))
    found = fits.any(axis=-1)[..., None]
    crop = np.where(found, first, largest)
    spare = size - crop
    start = np.where(found, np.floor(places * (spare + 1)), spare // 2)
    return [*np.stack([start, start + crop], axis=-2)]
