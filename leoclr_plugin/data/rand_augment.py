"""RandAugment: a few changes of each image, drawn from a fixed set and all equally strong.

The changes and their strengths are those of torchvision's ``RandAugment``, and torchvision makes
them. The draws are made here: torchvision's come from one generator for the whole process, so they
would depend on which of the loader's threads comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torchvision.transforms.functional as TF
from torchvision.transforms import InterpolationMode

MAX_MAGNITUDE = 30
_NUMBERS_PER_OP = 2  # which change, and in which direction


@dataclass(frozen=True)
class RandAugment:
    """The settings of RandAugment.

    Attributes:
        num_ops: the number of changes of each image.
        magnitude: their strength, from 0 to ``MAX_MAGNITUDE``.
    """

    num_ops: int
    magnitude: int


def draw_changes(settings: RandAugment, numbers: np.ndarray) -> np.ndarray:
    """Draw the changes of n images.

    Args:
        settings: the settings.
        numbers: random numbers in [0, 1), ``[n, m]`` with m at least ``2 * num_ops``.

    Returns:
        The number of each change and its direction, 0 or 1, as ``[n, num_ops, 2]`` int.
    """
    used = numbers[:, : _NUMBERS_PER_OP * settings.num_ops]
    pairs = used.reshape(len(numbers), settings.num_ops, _NUMBERS_PER_OP)
    return (pairs * (len(_CHANGES), 2)).astype(int)


def change_image(image: np.ndarray, settings: RandAugment, drawn: np.ndarray) -> np.ndarray:
    """Make the drawn changes one after another.

    Args:
        image: ``[H, W, 3]`` uint8.
        settings: the settings.
        drawn: what ``draw_changes`` gave for this image, ``[num_ops, 2]``.

    Returns:
        The changed image, uint8, in contiguous memory.
    """
    changed = torch.from_numpy(image).permute(2, 0, 1)
    share = settings.magnitude / MAX_MAGNITUDE
    for number, direction in drawn.tolist():
        change, is_signed = _CHANGES[number]
        changed = change(changed, -share if is_signed and direction else share)
    return changed.permute(1, 2, 0).contiguous().numpy()


def _affine(
    image: torch.Tensor, x_shear: float = 0.0, y_shear: float = 0.0, x: float = 0.0, y: float = 0.0
) -> torch.Tensor:
    height, width = image.shape[1:]
    return TF.affine(
        image,
        angle=0.0,
        translate=[int(x * width), int(y * height)],
        scale=1.0,
        shear=[math.degrees(math.atan(x_shear)), math.degrees(math.atan(y_shear))],
        interpolation=InterpolationMode.BILINEAR,
        # A shear keeps the upper left corner in its place.
        center=[0, 0],
    )


def _rotate(image: torch.Tensor, share: float) -> torch.Tensor:
    return TF.rotate(image, 30 * share, interpolation=InterpolationMode.BILINEAR)


def _adjust(change: Callable, image: torch.Tensor, share: float) -> torch.Tensor:
    return change(image, 1 + 0.9 * share)


_LARGEST_SHEAR = 0.3
_LARGEST_SHIFT = 150 / 331  # of a side
# Each change takes an image [3, H, W] uint8 and a strength from 0 to 1, or from -1 to 1 if it has
# two directions.
_CHANGES: tuple[tuple[Callable[[torch.Tensor, float], torch.Tensor], bool], ...] = (
    (lambda image, share: image, False),
    (lambda image, share: _affine(image, x_shear=_LARGEST_SHEAR * share), True),
    (lambda image, share: _affine(image, y_shear=_LARGEST_SHEAR * share), True),
    (lambda image, share: _affine(image, x=_LARGEST_SHIFT * share), True),
    (lambda image, share: _affine(image, y=_LARGEST_SHIFT * share), True),
    (_rotate, True),
    (partial(_adjust, TF.adjust_brightness), True),
    (partial(_adjust, TF.adjust_saturation), True),
    (partial(_adjust, TF.adjust_contrast), True),
    (partial(_adjust, TF.adjust_sharpness), True),
    (lambda image, share: TF.posterize(image, 8 - round(4 * share)), False),
    (lambda image, share: TF.solarize(image, 255 * (1 - share)), False),
    (lambda image, share: TF.autocontrast(image), False),
    (lambda image, share: TF.equalize(image), False),
)
