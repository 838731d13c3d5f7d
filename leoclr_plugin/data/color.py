"""Colour jitter and greyscale as one linear map of the channels, applied to a batch by torch.

Saturation and hue are a linear map of an image's channels. Brightness and contrast multiply the
result by a factor and add a shift. All of them together are one matrix and one shift.

Brightness and contrast change images of any number of channels. Saturation, hue and grey are of
colours, so they need three.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from leoclr_plugin.data.transfer import to_device

# PIL makes its grey images by this luma, that of Rec. 601.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# The rows are luma and the two axes of chroma (NTSC, FCC 1953). Saturation stretches the plane of
# chroma, and hue turns it.
_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


def torch_color(rows: torch.Tensor, maps: np.ndarray, greys: np.ndarray) -> torch.Tensor:
    """Change the colours of a batch on any device, without rounding to whole levels.

    Args:
        rows: the images as ``[n, H, C, W]``, float16 or float32; 128 is subtracted from each level.
        maps: each image's map of its channels, as ``channel_maps`` returns them.
        greys: each image's factor of its mean grey.

    Returns:
        The changed images in the same form.
    """
    # The maps turn a grey into a grey, so the 128 that was subtracted changes by the same amount
    # in all channels.
    channels = rows.shape[2]
    # The mean grey is the luma of RGB, and has equal shares of other channels.
    weights = LUMA if channels == 3 else np.full(channels, 1 / channels, np.float32)
    shift = np.column_stack([greys[:, None] * weights, 128 * (maps[:, 0].sum(axis=1) + greys - 1)])
    shift = to_device(shift, rows.device)
    columns = to_device(maps.transpose(0, 2, 1), rows.device, rows.dtype)
    mean = rows.mean(dim=(1, 3), dtype=torch.float32)
    changed = ((mean * shift[:, :channels]).sum(dim=1) + shift[:, channels]).to(rows.dtype)[
        :, None, None, None
    ]
    for channel in range(channels):
        values, column = rows[:, :, channel, None], columns[:, channel, None, :, None]
        changed = torch.addcmul(changed, values, column)
    return changed.clamp_(-128, 127)


def channel_maps(
    brightness: Sequence[np.ndarray],
    contrast: Sequence[np.ndarray],
    saturation: Sequence[np.ndarray],
    hue: Sequence[np.ndarray],
    channels: int = 3,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the linear maps of the channels of n images.

    Args:
        brightness: factors of the brightness, >= 0.
        contrast: factors of the distance from the image's mean grey, >= 0.
        saturation: factors of the chroma, >= 0; 0 makes the image grey.
        hue: angles by which the chroma is turned, in degrees.
        channels: the number of channels, C. Other images than those of three have no chroma, so
            their saturation and hue are not used.

    Returns:
        Matrices ``[n, C, C]`` that multiply the pixels (columns) from the left, and factors ``[n]``
        of the image's mean grey, which is added afterwards; both are float32.
    """
    brightness, contrast = np.asarray(brightness), np.asarray(contrast)
    greys = (brightness * (1 - contrast)).astype(np.float32)
    if channels != 3:
        factors = (brightness * contrast).astype(np.float32)
        return factors[:, None, None] * np.eye(channels, dtype=np.float32), greys
    angle = np.deg2rad(np.asarray(hue, float))
    cos, sin = np.cos(angle), np.sin(angle)
    # A positive hue turns red towards yellow: from the axis I away from the axis Q.
    rotation = np.moveaxis(np.array([[cos, sin], [-sin, cos]]), -1, 0)
    chroma = np.tile(np.eye(3), (len(angle), 1, 1))
    chroma[:, 1:, 1:] = np.asarray(saturation)[:, None, None] * rotation
    maps = (brightness * contrast)[:, None, None] * (_RGB @ chroma @ _YIQ)
    return maps.astype(np.float32), greys
