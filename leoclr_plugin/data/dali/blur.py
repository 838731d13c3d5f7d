"""Gaussian blur, by DALI or by OpenCV."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from nvidia.dali import fn
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.threads import Threads


def dali_blur(images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """Blur images ``[H, W, 3]`` uint8 by what ``draws.draw`` gave of the blur.

    The window's weights are a Gaussian's, their sum is 1; beyond its edge an image is mirrored.
    """
    return fn.gaussian_blur(images, sigma=drawn["sigma"], window_size=drawn["window"])


def opencv_blur(threads: Threads, images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """``dali_blur`` on the CPU, by OpenCV on ``threads``."""
    return fn.python_function(
        images,
        drawn["sigma"],
        drawn["window"],
        function=partial(threads.map, _blur),
        batch_processing=True,
        output_layouts="HWC",
    )


def _blur(image: np.ndarray, sigma: np.ndarray, window: np.ndarray) -> np.ndarray:
    # Not by its GaussianBlur, whose weights of bytes are rounded to a 256th.
    weights = cv2.getGaussianKernel(int(window), float(sigma), cv2.CV_32F)
    return cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)
