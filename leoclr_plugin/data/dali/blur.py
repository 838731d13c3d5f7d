"""Gaussian blur, by OpenCV image by image or by torch a batch at once.

The window's weights are a Gaussian's, their sum is 1; beyond its edge an image is mirrored, without
its outermost pixels once more.
"""

from __future__ import annotations

from functools import lru_cache, partial

import cv2
import numpy as np
import torch
from nvidia.dali import fn
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.threads import Threads
from leoclr_plugin.data.dali.transfer import to_device


def opencv_blur(threads: Threads, images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """Blur images ``[H, W, 3]`` uint8 by what ``draw`` gave of the blur.

    On the CPU, within the graph, on ``threads``.
    """
    return fn.python_function(
        images,
        drawn["sigma"],
        drawn["window"],
        function=partial(threads.map, _blur),
        batch_processing=True,
        output_layouts="HWC",
    )


def torch_blur(
    rows: torch.Tensor, sigma: np.ndarray, window: np.ndarray, mirror: np.ndarray
) -> torch.Tensor:
    """``opencv_blur`` of a batch at once, mirrored on the way, on any device, without rounding.

    Blurring columns is a product with a band matrix, and so is blurring rows, which can turn them
    round as well: a GPU multiplies matrices faster than it adds up a window.

    Args:
        rows: ``[n, H, 3, W]`` float16.
        sigma: of each image, pixels.
        window: of each image, pixels, odd; 1 for no blur.
        mirror: of each image, whether it is turned from left to right.

    Returns:
        The same of the changed images.
    """
    n, height, channels, width = rows.shape
    weights = torch.from_numpy(_weights(sigma, window, mirror)).half()
    weights = to_device(weights, rows.device)
    reach = weights.shape[1] // 2
    down = weights @ _bands(height, reach, False, rows.device)
    across = weights @ _bands(width, reach, True, rows.device)
    blurred = torch.bmm(down.view(n, height, height), rows.flatten(2))
    blurred = torch.bmm(blurred.view(n, height * channels, width), across.view(n, width, width))
    return blurred.view_as(rows)


def _weights(sigma: np.ndarray, window: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    # [n, 2 * largest window]: a window's weights, in the first half or, to mirror, in the second.
    reach = window.max() // 2
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    weights *= abs(offsets) <= window[:, None] // 2
    weights /= weights.sum(axis=1, keepdims=True)
    turned = mirror[:, None].astype(bool)
    return np.concatenate([weights * ~turned, weights * turned], axis=1)


@lru_cache(maxsize=32)
def _bands(length: int, window: int, turn: bool, device: torch.device) -> torch.Tensor:
    # [2 * window, length * length]: which pixel each weight takes to which; where ``turn`` is, from
    # the left and in the second half turned round, else from the right and the same twice.
    indexes = np.pad(np.arange(length), window // 2, mode="reflect")
    seen = np.lib.stride_tricks.sliding_window_view(indexes, length)
    taken = seen[:, :, None] == np.arange(length)
    if turn:
        taken = taken.transpose(0, 2, 1)
    both = np.concatenate([taken, taken[:, :, ::-1] if turn else taken])
    return torch.from_numpy(both).flatten(1).to(device, torch.float16)


def _blur(image: np.ndarray, sigma: np.ndarray, window: np.ndarray) -> np.ndarray:
    # Not by its GaussianBlur, whose weights of bytes are rounded to a 256th.
    weights = cv2.getGaussianKernel(int(window), float(sigma), cv2.CV_32F)
    return cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)
