"""A labelled grid of the views of several images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from omegaconf import ListConfig
from PIL import Image, ImageDraw, ImageFont
from torchvision.transforms.functional import to_pil_image

from leoclr_plugin.data.views import Views, mean_and_std

_CELL = 160
_GAP = 8
_HEADER = 26


def view_grid(
    images: Sequence[Image.Image], augmentations: ListConfig, dataset: str
) -> Image.Image:
    """Draw one row an image: the image as it is on disk, then its views as the networks get them.

    Args:
        images: RGB images of any size.
        augmentations: the configuration's pipelines, the original last as LeOCLR has it.
        dataset: its normalisation is undone for the eye.

    Returns:
        An RGB picture; X is the original, X1, X2, ... the crops.
    """
    views = Views(augmentations, dataset)
    crops = len(views.transforms) - 1
    titles = ["file", "X (query)", *(f"X{i} (key)" for i in range(1, crops + 1))]
    width = _GAP + len(titles) * (_CELL + _GAP)
    height = _HEADER + len(images) * (_CELL + _GAP)
    grid = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=15)
    for column, title in enumerate(titles):
        middle = _GAP + column * (_CELL + _GAP) + _CELL // 2
        draw.text((middle, _HEADER // 2), title, fill="black", font=font, anchor="mm")
    for row, image in enumerate(images):
        *keys, original = [_to_image(view, dataset) for view in views(image)]
        for column, cell in enumerate([image, original, *keys]):
            cell = _fit(cell)
            left = _GAP + column * (_CELL + _GAP) + (_CELL - cell.width) // 2
            top = _HEADER + row * (_CELL + _GAP) + (_CELL - cell.height) // 2
            grid.paste(cell, (left, top))
    return grid


def _to_image(view: torch.Tensor, dataset: str) -> Image.Image:
    mean, std = (torch.tensor(values)[:, None, None] for values in mean_and_std(dataset))
    return to_pil_image((view * std + mean).clamp(0, 1))


def _fit(image: Image.Image) -> Image.Image:
    scale = _CELL / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    return image.resize(size, Image.Resampling.BICUBIC)
