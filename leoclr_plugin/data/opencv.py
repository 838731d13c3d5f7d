"""Colours, blur and flip of one image by OpenCV, which is faster at them than torch on a CPU."""

from __future__ import annotations

import numpy as np

from leoclr_plugin.data.color import LUMA

try:
    # Threads use these functions, and OpenCV cannot be imported by several of them at once.
    import cv2
except ImportError:
    cv2 = None


def has_opencv() -> bool:
    """Whether OpenCV is installed and can be imported."""
    return cv2 is not None


def change_colors(image: np.ndarray, channels: np.ndarray, greys: float) -> np.ndarray:
    """Apply one image's result of ``channel_maps`` to it.

    Args:
        image: ``[H, W, 3]`` uint8.
        channels: the matrix ``[3, 3]``.
        greys: the factor of the image's mean grey.
    """
    matrix = np.empty((3, 4), np.float32)
    matrix[:, :3] = channels
    matrix[:, 3] = greys * np.dot(cv2.mean(image)[:3], LUMA)
    return cv2.transform(image, matrix)


def blur(image: np.ndarray, sigma: float, window: int) -> np.ndarray:
    """Blur an image ``[H, W, 3]`` uint8 as ``torch_blur`` does."""
    # cv2.GaussianBlur would round the weights to a 256th, since the images are of bytes.
    weights = cv2.getGaussianKernel(int(window), float(sigma), cv2.CV_32F)
    return cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)


def flip(image: np.ndarray) -> np.ndarray:
    """Flip an image ``[H, W, 3]`` uint8 from left to right."""
    return cv2.flip(image, 1)
