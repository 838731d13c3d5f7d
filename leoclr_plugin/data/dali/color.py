"""Jitter and grey, by OpenCV image by image or by torch a batch at once.

Saturation and hue are a linear map of an image's channels, and brightness and contrast a factor
and a shift after it: together one matrix and one shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
import torch
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.threads import Threads
from leoclr_plugin.data.dali.transfer import to_device

# Factors and degrees that leave an image as it is.
UNCHANGED = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
# Rec. 601 luma, which PIL's grey images are made with.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Luma, and the two axes of chroma, which saturation stretches and hue turns (NTSC, FCC 1953).
_YIQ = np.array([_LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


def opencv_color(threads: Threads, images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """Change the colours of images ``[H, W, 3]`` uint8 by what ``draw`` gave of them.

    On the CPU, within the graph, on ``threads``.
    """
    return fn.python_function(
        images,
        *(drawn.get(name, types.Constant(rest)) for name, rest in UNCHANGED.items()),
        function=partial(_color_batch, threads),
        batch_processing=True,
        output_layouts="HWC",
    )


def torch_color(rows: torch.Tensor, *factors: np.ndarray) -> torch.Tensor:
    """``opencv_color`` of a batch at once, on any device, without rounding to whole levels.

    Args:
        rows: ``[n, H, 3, W]`` float16, levels less 128.
        factors: what ``channel_maps`` takes.

    Returns:
        The same of the changed images.
    """
    maps, greys = channel_maps(*factors)
    # A grey stays grey, so what becomes of the 128 is the same in all channels.
    shift = np.column_stack([greys[:, None] * _LUMA, 128 * (maps[:, 0].sum(axis=1) + greys - 1)])
    shift = to_device(torch.from_numpy(shift), rows.device)
    columns = torch.from_numpy(maps.transpose(0, 2, 1)).half()
    columns = to_device(columns, rows.device)
    mean = rows.mean(dim=(1, 3), dtype=torch.float32)
    changed = ((mean * shift[:, :3]).sum(dim=1) + shift[:, 3]).half()[:, None, None, None]
    for channel in range(3):
        values, column = rows[:, :, channel, None], columns[:, channel, None, :, None]
        changed = torch.addcmul(changed, values, column)
    return changed.clamp_(-128, 127)


def channel_maps(
    brightness: Sequence[np.ndarray],
    contrast: Sequence[np.ndarray],
    saturation: Sequence[np.ndarray],
    hue: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The maps of the channels of n images, as ``draws.draw`` gave them.

    Args:
        brightness: factors, >= 0.
        contrast: factors about the image's mean grey, >= 0.
        saturation: factors of the chroma, >= 0; 0 makes grey.
        hue: angles by which the chroma is turned, degrees.

    Returns:
        Matrices ``[n, 3, 3]`` to multiply pixels (columns) with from the left, and how many times
        the image's mean grey is added after it, ``[n]``; float32.
    """
    angle = np.deg2rad(np.asarray(hue, float))
    cos, sin = np.cos(angle), np.sin(angle)
    # From red to yellow is a turn from I away from Q.
    turn = np.moveaxis(np.array([[cos, sin], [-sin, cos]]), -1, 0)
    chroma = np.tile(np.eye(3), (len(angle), 1, 1))
    chroma[:, 1:, 1:] = np.asarray(saturation)[:, None, None] * turn
    brightness, contrast = np.asarray(brightness), np.asarray(contrast)
    maps = (brightness * contrast)[:, None, None] * (_RGB @ chroma @ _YIQ)
    return maps.astype(np.float32), (brightness * (1 - contrast)).astype(np.float32)


def _color_batch(
    threads: Threads, images: Sequence[np.ndarray], *factors: Sequence[np.ndarray]
) -> list[np.ndarray]:
    return threads.map(_color, images, *channel_maps(*factors))


def _color(image: np.ndarray, channels: np.ndarray, greys: np.ndarray) -> np.ndarray:
    shift = greys * (cv2.mean(image)[:3] @ _LUMA)
    return cv2.transform(image, np.column_stack([channels, np.repeat(shift, 3)]))
