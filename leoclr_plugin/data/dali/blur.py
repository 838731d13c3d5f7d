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

from leoclr_plugin.data.dali.draws import Drawn
from leoclr_plugin.data.dali.threads import Threads


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


def torch_blur(images: torch.Tensor, drawn: Drawn) -> torch.Tensor:
    """``opencv_blur`` of a batch ``[n, 3, H, W]`` float16 of whole levels, on any device.

    Images that are not to be blurred stay as they are. Blurring rows is a product with a band
    matrix, and so is blurring columns: a GPU multiplies matrices faster than it adds up a window.
    """
    chosen = np.flatnonzero(drawn["blurred"])
    if not len(chosen):
        return images
    weights = _weights(drawn["sigma"][chosen], drawn["window"][chosen])
    weights = torch.from_numpy(weights).to(images)
    down, across = (
        (weights @ _windows(length, weights.shape[1], images.device)).unflatten(1, (length, length))
        for length in images.shape[2:]
    )
    index = torch.from_numpy(chosen).to(images.device)
    pixels = images[index]
    pixels = (pixels.flatten(1, 2) @ across.mT).view_as(pixels)
    images[index] = (down[:, None] @ pixels).round_()
    return images


def _weights(sigma: np.ndarray, window: np.ndarray) -> np.ndarray:
    # [n, largest window]: each window's weights, in the middle.
    reach = window.max() // 2
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma[:, None].astype(float)) ** 2)
    weights[abs(offsets) > window[:, None] // 2] = 0
    return weights / weights.sum(axis=1, keepdims=True)


@lru_cache(maxsize=32)
def _windows(length: int, window: int, device: torch.device) -> torch.Tensor:
    # [window, length * length]: for each weight, which pixel it takes to which.
    indexes = np.pad(np.arange(length), window // 2, mode="reflect")
    seen = np.lib.stride_tricks.sliding_window_view(indexes, length)
    taken = seen[:, :, None] == np.arange(length)
    return torch.from_numpy(taken).flatten(1).to(device, torch.float16)


def _blur(image: np.ndarray, sigma: np.ndarray, window: np.ndarray) -> np.ndarray:
    # Not by its GaussianBlur, whose weights of bytes are rounded to a 256th.
    weights = cv2.getGaussianKernel(int(window), float(sigma), cv2.CV_32F)
    return cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)
