"""Degradations of a view: uneven light, blur, noise and the artefacts of JPEG, at one level.

They make pictures of several qualities out of one. They follow the order of a camera: the light
falls, the lens blurs, the sensor adds noise, and the file is compressed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torchvision.transforms.functional as TF
from torchvision.io import decode_jpeg, encode_jpeg

# Random numbers of an image: whether it is degraded, its level, the direction of the light, and the
# seed of the noise.
NUMBERS = 4
# A float64 in [0, 1) tells so many seeds apart.
_SEEDS = 2**53
# The blur's window reaches two standard deviations to each side, as that of ``gaussian_blur``.
_WINDOW_REACH = 2
Ends = tuple[float, float]


@dataclass(frozen=True)
class Degrade:
    """The settings of the degradations.

    Each has two ends: its strength at level 0 and at level 1. None leaves it out.

    Attributes:
        prob: how often a view is degraded.
        level: the ends of the levels, in [0, 1]. One level is drawn for each view.
        blur: standard deviation of the blur in pixels.
        illumination: how much darker one end of the view becomes, and how much brighter the other,
            as a share of the light, in [0, 1].
        noise: standard deviation of the noise, in [0, 1].
        jpeg: quality of the compression, 1 to 100; the higher, the less it changes.
    """

    prob: float
    level: Ends
    blur: Ends | None = None
    illumination: Ends | None = None
    noise: Ends | None = None
    jpeg: Ends | None = None

    def __call__(self, image: torch.Tensor, level: float, light: float, seed: int) -> torch.Tensor:
        """Degrade an image.

        Args:
            image: ``[3, H, W]`` uint8, on any device.
            level: the level, in [0, 1].
            light: the direction that the light comes from, in turns.
            seed: of the noise.

        Returns:
            The degraded image, ``[3, H, W]`` uint8.
        """
        pixels = image.float()
        if self.illumination is not None:
            pixels = pixels * (1 + _at(self.illumination, level) * _ramp(pixels, light))
        sigma = _at(self.blur, level) if self.blur is not None else 0
        if sigma > 0:
            # The image's mirror image continues it, so the window must not reach beyond that.
            reach = min(math.ceil(_WINDOW_REACH * sigma), *(side - 1 for side in image.shape[1:]))
            pixels = TF.gaussian_blur(pixels, 2 * reach + 1, sigma)
        if self.noise is not None:
            # The processor draws for all devices, so all loaders show the same noise.
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(image.shape, generator=generator).to(image.device)
            pixels = pixels + 255 * _at(self.noise, level) * noise
        degraded = pixels.round().clamp(0, 255).to(torch.uint8)
        if self.jpeg is not None:
            encoded = encode_jpeg(degraded.cpu(), quality=round(_at(self.jpeg, level)))
            degraded = decode_jpeg(encoded).to(image.device)
        return degraded


def draw_degrade(degrade: Degrade, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Draw the parameters of the degradations of n images.

    Args:
        degrade: the settings.
        numbers: random numbers in [0, 1), ``[n, NUMBERS]``.

    Returns:
        ``degraded`` (bool), ``degrade_level`` in [0, 1], ``degrade_light`` (turns) and
        ``degrade_seed`` (int), each ``[n]``.
    """
    return {
        "degraded": numbers[:, 0] < degrade.prob,
        "degrade_level": _at(degrade.level, numbers[:, 1]),
        "degrade_light": numbers[:, 2],
        "degrade_seed": (numbers[:, 3] * _SEEDS).astype(np.int64),
    }


def degraded(
    image: torch.Tensor, degrade: Degrade, drawn: dict[str, np.ndarray], i: int
) -> torch.Tensor:
    """Degrade the i-th image ``[3, H, W]`` uint8 of a batch as ``draw_degrade`` drew it."""
    if not drawn["degraded"][i]:
        return image
    level, light, seed = (drawn[f"degrade_{name}"][i].item() for name in ("level", "light", "seed"))
    return degrade(image, level, light, seed)


def _at(ends: Ends, level: float) -> float:
    low, high = ends
    return low + (high - low) * level


def _ramp(image: torch.Tensor, light: float) -> torch.Tensor:
    """Return a slope ``[H, W]`` from -1 to 1, from one corner or side of an image to the other."""
    y, x = (torch.linspace(-1, 1, side, device=image.device) for side in image.shape[1:])
    down, right = math.sin(2 * math.pi * light), math.cos(2 * math.pi * light)
    return (down * y[:, None] + right * x) / (abs(down) + abs(right))
