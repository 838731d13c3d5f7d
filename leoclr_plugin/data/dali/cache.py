"""Decoded images in memory, for data sets that fit.

DALI's GPU decoder has a cache of its own, but it knows images by the file names of DALI's readers
alone, whose order cannot be ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.errors import UserError


def decode_all(paths: Sequence[str | Path], limit_mb: float, threads: int) -> list[np.ndarray]:
    """Decode image files to RGB, as the torchvision path does.

    Args:
        paths: of the files.
        limit_mb: what all images may take, in millions of bytes.
        threads: to decode on.

    Returns:
        An array ``[H, W, 3]`` uint8 of each.

    Raises:
        UserError: where they take more than ``limit_mb``, saying about how much.
        UnreadableImage: naming a file that cannot be decoded.
    """
    images, used = [], 0
    pool = ThreadPoolExecutor(threads)
    try:
        decoded = pool.map(lambda path: np.asarray(open_rgb(path)), paths)
        for image in tqdm(decoded, total=len(paths), desc="Decoding images", leave=False):
            images.append(image)
            used += image.nbytes
            if used > 1e6 * limit_mb:
                about = used / len(images) * len(paths) / 1e6
                raise UserError(
                    f"dali.cache_mb={limit_mb} does not hold the {len(paths)} images, which take "
                    f"about {about:.1f} MB decoded; raise it, or set it to 0"
                )
    finally:
        pool.shutdown(cancel_futures=True)
    return images
