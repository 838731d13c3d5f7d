"""The regions of images that a view shows, computed from numbers that were drawn before."""

from __future__ import annotations

import numpy as np

from leoclr_plugin.data.draws import ASPECT_RATIOS, Drawn
from leoclr_plugin.data.mix import mix_regions


def view_regions(sizes: np.ndarray, drawn: Drawn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the regions of images that a view shows.

    Args:
        sizes: height and width of each image, ``[n, 2]``.
        drawn: what ``draw`` gave for the n images.

    Returns:
        The top left and the bottom right corners of each region, see ``crop_regions``: one for a
        crop, those of a mix, and none for the whole image.
    """
    if "mix_place" in drawn:
        corners = mix_regions(sizes, drawn["mix_scale"], drawn["mix_place"])
        return list(zip(*(corner.swapaxes(0, 1) for corner in corners), strict=True))
    if "area" in drawn:
        return [crop_regions(sizes, drawn["area"], drawn["ratio"], drawn["place"])]
    return []


def crop_regions(
    sizes: np.ndarray, areas: np.ndarray, ratios: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the region of each image of a batch, as torchvision's RandomResizedCrop does.

    The region is the first of the drawn rectangles that fits into the image. If none fits, it is
    the largest rectangle at the centre whose ratio of width to height is allowed.

    Args:
        sizes: height and width of each image, ``[n, 2]``.
        areas: areas of the rectangles that are tried, as fractions of the image,
            ``[n, ATTEMPTS]``.
        ratios: their ratios of width to height, ``[n, ATTEMPTS]``.
        places: where the rectangle lies among all places where it fits, ``[n, 2]`` (y, x) in
            [0, 1).

    Returns:
        The top left and the bottom right corners, each ``[n, 2]`` (y, x) in pixels, int.
    """
    size = sizes.astype(float)
    area = areas * size.prod(axis=1, keepdims=True)
    sides = np.floor(np.sqrt(np.stack([area / ratios, area * ratios], axis=-1)) + 0.5)
    fits = ((sides > 0) & (sides <= size[:, None])).all(axis=-1)
    first = np.take_along_axis(sides, fits.argmax(axis=1)[:, None, None], axis=1)[:, 0]
    low, high = ASPECT_RATIOS
    longest_allowed = size[:, ::-1] * np.array([1 / low, high])
    largest = np.minimum(size, np.floor(longest_allowed + 0.5))
    found = fits.any(axis=1)[:, None]
    crop = np.where(found, first, largest)
    margin = size - crop
    start = np.where(found, np.floor(places * (margin + 1)), margin // 2).astype(int)
    return start, start + crop.astype(int)
