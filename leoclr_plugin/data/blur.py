"""Gaussian blur of a batch by torch.

The weights of the window are those of a Gaussian, scaled to the sum 1. Beyond its edge an image is
continued by its mirror image, which does not repeat the outermost pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from leoclr_plugin.data.transfer import to_device


def torch_blur(
    rows: torch.Tensor, sigma: np.ndarray, window: np.ndarray, mirror: np.ndarray
) -> torch.Tensor:
    """Blur a batch without rounding, and mirror it at the same time.

    It works on any device. Both the columns and the rows are blurred by a product with a band
    matrix, because a GPU multiplies matrices faster than it adds up a window. The matrix of the
    rows can mirror them as well.

    Args:
        rows: the images as ``[n, H, C, W]``, float16 or float32.
        sigma: standard deviation of each image's blur, in pixels.
        window: width of each image's window, in pixels; it is odd, and 1 means no blur.
        mirror: whether each image is flipped from left to right.

    Returns:
        The changed images in the same form.
    """
    n, height, channels, width = rows.shape
    weights = to_device(_weights(sigma, window, mirror), rows.device, rows.dtype)
    longest_window = weights.shape[1] // 2
    for_columns = weights @ _bands(height, longest_window, False, rows.device, rows.dtype)
    for_rows = weights @ _bands(width, longest_window, True, rows.device, rows.dtype)
    blurred = torch.bmm(for_columns.view(n, height, height), rows.flatten(2))
    blurred = torch.bmm(blurred.view(n, height * channels, width), for_rows.view(n, width, width))
    return blurred.view_as(rows)


def _weights(sigma: np.ndarray, window: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return each image's window as ``[n, 2 * longest window]``.

    The weights of a mirrored image are in the second half of its row, those of another image are
    in the first half; ``_bands`` mirrors by the second half.
    """
    reach = window.max() // 2
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    weights *= abs(offsets) <= window[:, None] // 2
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = mirror[:, None].astype(bool)
    return np.concatenate([weights * ~mirrored, weights * mirrored], axis=1)


@lru_cache(maxsize=32)
def _bands(
    length: int, window: int, of_rows: bool, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Return ``[2 * window, length * length]``: the band matrix of each weight, flattened.

    An image's weights times this are its band matrix. Columns are multiplied by it from the left.
    Rows are multiplied by it from the right (``of_rows``), and its second half mirrors them.
    """
    indexes = np.pad(np.arange(length), window // 2, mode="reflect")
    source = np.lib.stride_tricks.sliding_window_view(indexes, length)
    bands = source[:, :, None] == np.arange(length)
    if of_rows:
        bands = bands.transpose(0, 2, 1)
    both_halves = np.concatenate([bands, bands[:, :, ::-1] if of_rows else bands])
    return torch.from_numpy(both_halves).flatten(1).to(device, dtype)
