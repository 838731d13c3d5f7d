"""Decoded images in memory, for data sets that fit.

DALI's GPU decoder has its own cache, but that cache only knows files that DALI's own readers read,
and these readers cannot follow our order of the samples.
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.images import UnreadableImage
from leoclr_plugin.data.in_order import in_order
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.stored import Images
from leoclr_plugin.errors import UserError


def decode_all(
    images: Images,
    limit_mb: float,
    threads: int,
    levels: Levels | None = None,
    bad: BadImages | None = None,
) -> list[np.ndarray]:
    """Decode images, as the loaders do that decode with each use.

    Args:
        images: the images.
        limit_mb: the memory that all images together may take, in millions of bytes.
        threads: the number of threads that decode.
        levels: how levels are read; None for RGB of 8 bits.
        bad: gets the images that cannot be decoded; None raises the error.

    Returns:
        For each image what ``Images.decode`` returns; for a bad one an array without pixels.

    Raises:
        UserError: if the images take more than ``limit_mb``; it says about how much they take.
        UnreadableImage: if an image cannot be decoded; it names the image.
    """

    def decode(index: int) -> np.ndarray:
        try:
            return images.decode(index, levels)
        except UnreadableImage as error:
            if bad is None:
                raise
            bad.add(index, error.reason)
            return np.empty((0, 0, 3), np.uint8)

    kept, used_bytes = [], 0
    decoded = in_order(decode, range(len(images)), threads)
    for image in tqdm(decoded, total=len(images), desc="Decoding images", leave=False):
        kept.append(image)
        used_bytes += image.nbytes
        if used_bytes > 1e6 * limit_mb:
            estimated_mb = used_bytes / len(kept) * len(images) / 1e6
            raise UserError(
                f"data.cache_mb={limit_mb} is too small for the {len(images)} images, which take "
                f"about {estimated_mb:.1f} MB when decoded; raise it, or set it to 0"
            )
    return kept
