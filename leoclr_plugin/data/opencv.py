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
        image: ``[H, W, C]`` uint8 or float32, with levels from 0 to 255.
        channels: the matrix ``[C, C]``.
        greys: the factor of the image's mean grey.
    """
    if image.shape[2] != 3:
        # OpenCV has no maps of more than four channels; here the map is one factor for all.
        shift = float(greys * image.mean(dtype=np.float64))
        return (image * channels[0, 0] + shift).clip(0, 255)
    matrix = np.empty((3, 4), np.float32)
    matrix[:, :3] = channels
    matrix[:, 3] = greys * np.dot(cv2.mean(image)[:3], LUMA)
    changed = cv2.transform(image, matrix)
    # OpenCV clips bytes by itself.
    return changed if changed.dtype == np.uint8 else changed.clip(0, 255)


def blur(image: np.ndarray, sigma: float, window: int) -> np.ndarray:
    """Blur an image ``[H, W, C]`` uint8 or float32 as ``torch_blur`` does."""
    # cv2.GaussianBlur would round the weights to a 256th, since the images are of bytes.
    weights = cv2.getGaussianKernel(int(window), float(sigma), cv2.CV_32F)
    blurred = cv2.sepFilter2D(image, -1, weights, weights, borderType=cv2.BORDER_REFLECT_101)
    # OpenCV leaves out the dimension of a single channel.
    return blurred.reshape(image.shape)


def flip(image: np.ndarray) -> np.ndarray:
    """Flip an image ``[H, W, C]`` from left to right."""
    return cv2.flip(image, 1).reshape(image.shape)
