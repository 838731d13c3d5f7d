"""Gaussian blur, by DALI or by torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from nvidia.dali import fn
from nvidia.dali.data_node import DataNode


def dali_blur(images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """Blur images ``[H, W, 3]`` uint8 by what ``draws.draw`` gave of the blur.

    The window's weights are a Gaussian's, their sum is 1; beyond its edge an image is mirrored.
    """
    return fn.gaussian_blur(images, sigma=drawn["sigma"], window_size=drawn["window"])


def torch_blur(pool: ThreadPoolExecutor, images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """``dali_blur`` on the CPU, by torch on the pool's threads."""
    return fn.python_function(
        images,
        drawn["sigma"],
        drawn["window"],
        function=partial(_blur_batch, pool),
        batch_processing=True,
        output_layouts="HWC",
    )


def _blur_batch(pool: ThreadPoolExecutor, *batch: Sequence[np.ndarray]) -> list[np.ndarray]:
    return list(pool.map(_blur, *batch))


def _blur(image: np.ndarray, sigma: np.ndarray, window: np.ndarray) -> np.ndarray:
    reach = int(window) // 2
    weights = np.exp(-0.5 * (np.arange(reach + 1) / float(sigma)) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    pixels = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    blurred = torch.from_numpy(pixels).float()
    for axis in (0, 1):
        blurred = _weighted_sum(blurred, weights, axis)
    return blurred.round_().to(torch.uint8).numpy()


def _weighted_sum(pixels: torch.Tensor, weights: np.ndarray, axis: int) -> torch.Tensor:
    # Of shifted images, since torch's convolution is slow for one channel.
    reach = len(weights) - 1
    length = pixels.shape[axis] - 2 * reach
    total = pixels.narrow(axis, reach, length) * float(weights[0])
    for distance in range(1, reach + 1):
        for start in (reach - distance, reach + distance):
            total.add_(pixels.narrow(axis, start, length), alpha=float(weights[distance]))
    return total
