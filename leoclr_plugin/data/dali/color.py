"""Colour jitter and greyscale: OpenCV changes image by image, torch changes a batch at once.

Saturation and hue are a linear map of an image's channels. Brightness and contrast multiply the
result by a factor and add a shift. All of them together are one matrix and one shift.
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

# The factors, and the degrees of hue, that leave an image as it is.
UNCHANGED = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
# PIL makes its grey images by this luma, that of Rec. 601.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# The rows are luma and the two axes of chroma (NTSC, FCC 1953). Saturation stretches the plane of
# chroma, and hue turns it.
_YIQ = np.array([_LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


def opencv_color(threads: Threads, images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    """Change the colours of images ``[H, W, 3]`` uint8 within the graph, on the CPU's ``threads``.

    Args:
        threads: the threads that share the images.
        images: the images.
        drawn: the factors of each image, as ``draw`` gives them.
    """
    return fn.python_function(
        images,
        *(drawn.get(name, types.Constant(unchanged)) for name, unchanged in UNCHANGED.items()),
        function=partial(_color_batch, threads),
        batch_processing=True,
        output_layouts="HWC",
    )


def torch_color(rows: torch.Tensor, *factors: np.ndarray) -> torch.Tensor:
    """Change a batch as ``opencv_color`` does, on any device, without rounding to whole levels.

    Args:
        rows: the images as ``[n, H, 3, W]`` float16, from each level of which 128 is subtracted.
        factors: the arguments of ``channel_maps``.

    Returns:
        The changed images in the same form.
    """
    maps, greys = channel_maps(*factors)
    # The maps turn a grey into a grey, so the 128 that was subtracted changes by the same amount
    # in all channels.
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
    """Compute the linear maps of the channels of n images from the draws of ``draws.draw``.

    Args:
        brightness: factors of the brightness, >= 0.
        contrast: factors of the distance from the image's mean grey, >= 0.
        saturation: factors of the chroma, >= 0; 0 makes the image grey.
        hue: angles by which the chroma is turned, in degrees.

    Returns:
        Matrices ``[n, 3, 3]`` that multiply the pixels (columns) from the left, and factors ``[n]``
        of the image's mean grey, which is added afterwards; both are float32.
    """
    angle = np.deg2rad(np.asarray(hue, float))
    cos, sin = np.cos(angle), np.sin(angle)
    # A positive hue turns red towards yellow: from the axis I away from the axis Q.
    rotation = np.moveaxis(np.array([[cos, sin], [-sin, cos]]), -1, 0)
    chroma = np.tile(np.eye(3), (len(angle), 1, 1))
    chroma[:, 1:, 1:] = np.asarray(saturation)[:, None, None] * rotation
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
