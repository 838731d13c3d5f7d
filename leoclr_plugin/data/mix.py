"""Random Crop and Mix: a view that is a grid of small crops of one image.

Crops of one scale fill the grid, each several times: once as it is, and as changed copies. The
tiles are shuffled. This is made from the description in arXiv:2408.03230 (CLIC), not from its code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torchvision.transforms.functional as TF
from torchvision.transforms import InterpolationMode

# The changes of a copy: flips to both sides, a rotation, and a jitter of the colours.
_DEGREES = 20.0
_JITTER = 0.2
_PROB = 0.5
# Random numbers of a tile: its place in the grid, two flips, whether it is rotated and by how much,
# whether it is jittered, brightness, contrast and saturation.
_PER_TILE = 9


@dataclass(frozen=True)
class Mix:
    """The settings of a mix.

    Attributes:
        scales: the shorter side of the image divided by the side of a crop, in pixels. One of them
            is drawn for each image.
        grid: the number of tiles on a side.
        copies: the number of tiles that each crop fills; it divides ``grid`` squared.
    """

    scales: tuple[float, ...] = (3, 6, 12)
    grid: int = 2
    copies: int = 2

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return self.grid**2

    @property
    def crops(self) -> int:
        """The number of different crops."""
        return self.tiles // self.copies

    @property
    def numbers(self) -> int:
        """How many random numbers ``draw_mix`` takes for an image."""
        return 1 + 2 * self.crops + _PER_TILE * self.tiles

    def tile_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width of a tile in a view of a size."""
        return size[0] // self.grid, size[1] // self.grid


def draw_mix(mix: Mix, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Draw the parameters of a mix for n images.

    Args:
        mix: the settings.
        numbers: random numbers in [0, 1), ``[n, mix.numbers]``.

    Returns:
        ``mix_scale`` ``[n]``; ``mix_place`` ``[n, crops, 2]``, y and x in [0, 1); ``mix_order``
        ``[n, tiles]``, which tile lies at each place of the grid; and ``mix_changes``
        ``[n, tiles, 8]``, see ``_changed``.
    """
    count = len(numbers)
    scales = np.array(mix.scales, float)
    places = numbers[:, 1 : 1 + 2 * mix.crops].reshape(count, mix.crops, 2)
    tiles = numbers[:, 1 + 2 * mix.crops :].reshape(count, mix.tiles, _PER_TILE)
    return {
        "mix_scale": scales[(numbers[:, 0] * len(scales)).astype(int)],
        "mix_place": places,
        "mix_order": tiles[..., 0].argsort(axis=1),
        "mix_changes": tiles[..., 1:],
    }


def mix_regions(
    sizes: np.ndarray, scales: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the square crops of some images.

    Args:
        sizes: height and width of each image in pixels, ``[n, 2]``.
        scales: ``mix_scale`` of ``draw_mix``.
        places: ``mix_place`` of ``draw_mix``.

    Returns:
        The top left and the bottom right corners of the crops, each ``[n, crops, 2]`` (y, x), int.
    """
    side = np.maximum(1, np.floor(sizes.min(axis=1) / scales + 0.5))[:, None, None]
    margin = sizes[:, None] - side
    start = np.floor(places * (margin + 1)).astype(int)
    return start, start + side.astype(int)


def assemble(mix: Mix, crops: torch.Tensor, drawn: dict[str, np.ndarray]) -> torch.Tensor:
    """Put the crops of an image, and their changed copies, into the grid.

    Args:
        mix: the settings.
        crops: the resized crops ``[crops, h, w, 3]`` uint8.
        drawn: the image's part of what ``draw_mix`` gave.

    Returns:
        The view ``[grid * h, grid * w, 3]`` uint8.
    """
    tiles = []
    for number in range(mix.tiles):
        tile = crops[number // mix.copies].permute(2, 0, 1)
        # The first of the copies is the crop as it is.
        if number % mix.copies:
            tile = _changed(tile, drawn["mix_changes"][number].tolist())
        tiles.append(tile.permute(1, 2, 0))
    shuffled = torch.stack([tiles[number] for number in drawn["mix_order"].tolist()])
    height, width, channels = shuffled.shape[1:]
    grid = shuffled.view(mix.grid, mix.grid, height, width, channels).transpose(1, 2)
    return grid.reshape(mix.grid * height, mix.grid * width, channels)


def _changed(tile: torch.Tensor, numbers: list[float]) -> torch.Tensor:
    mirrored, upside_down, rotated, angle, jittered, brightness, contrast, saturation = numbers
    if mirrored < _PROB:
        tile = TF.hflip(tile)
    if upside_down < _PROB:
        tile = TF.vflip(tile)
    if rotated < _PROB:
        degrees = _DEGREES * (2 * angle - 1)
        tile = TF.rotate(tile, degrees, InterpolationMode.BILINEAR)
    if jittered < _PROB:
        tile = TF.adjust_brightness(tile, _factor(brightness))
        tile = TF.adjust_contrast(tile, _factor(contrast))
        tile = TF.adjust_saturation(tile, _factor(saturation))
    return tile


def _factor(number: float) -> float:
    return 1 + _JITTER * (2 * number - 1)
