"""Decoded images in memory, for data sets that fit.

DALI's GPU decoder has its own cache, but that cache only knows files that DALI's own readers read,
and these readers cannot follow our order of the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.errors import UserError


def decode_all(paths: Sequence[str | Path], limit_mb: float, threads: int) -> list[np.ndarray]:
    """Decode image files to RGB, as the loaders do that decode with each use.

    Args:
        paths: the paths of the files.
        limit_mb: the memory that all images together may take, in millions of bytes.
        threads: the number of threads that decode.

    Returns:
        One array ``[H, W, 3]`` uint8 for each file.

    Raises:
        UserError: if the images take more than ``limit_mb``; it says about how much they take.
        UnreadableImage: if a file cannot be decoded; it names the file.
    """
    images, used_bytes = [], 0
    pool = ThreadPoolExecutor(threads)
    try:
        decoded = pool.map(decode_rgb, paths)
        for image in tqdm(decoded, total=len(paths), desc="Decoding images", leave=False):
            images.append(image)
            used_bytes += image.nbytes
            if used_bytes > 1e6 * limit_mb:
                estimated_mb = used_bytes / len(images) * len(paths) / 1e6
                raise UserError(
                    f"data.cache_mb={limit_mb} is too small for the {len(paths)} images, which "
                    f"take about {estimated_mb:.1f} MB when decoded; raise it, or set it to 0"
                )
    finally:
        pool.shutdown(cancel_futures=True)
    return images
