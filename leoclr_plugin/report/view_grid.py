"""A labelled grid of the views of several images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image, ImageDraw, ImageFont
from torchvision.transforms.functional import to_pil_image

from leoclr_plugin.data.views import Views, mean_and_std

_CELL = 160
_GAP = 8
_HEADER = 26
# What the original is to LeOCLR's network, and what a crop is, by ``method_kwargs.query``.
_ROLES = {
    "anchor": ("query", "key"),
    "crops": ("key", "query"),
    "both": ("query and key", "query and key"),
}


def view_titles(cfg: DictConfig, views: int) -> list[str]:
    """Names of so many views in the order of the grid, for LeOCLR with what they are to it.

    X1, X2, ... are the crops; LeOCLR's last view, the original X, comes first.
    """
    if cfg.method != "leoclr":
        return [f"X{i}" for i in range(1, views + 1)]
    original, crop = _ROLES[OmegaConf.select(cfg, "method_kwargs.query", default="anchor")]
    return [f"X ({original})", *(f"X{i} ({crop})" for i in range(1, views))]


def view_grid(images: Sequence[Image.Image], cfg: DictConfig) -> Image.Image:
    """Draw one row an image: the image as it is on disk, then its views as the networks get them.

    Args:
        images: RGB images of any size.
        cfg: the configuration, with the method, its augmentations, and the data set whose
            normalisation is undone for the eye.

    Returns:
        An RGB picture with a column for the file and one for each view.
    """
    dataset = cfg.data.dataset
    views = Views(cfg.augmentations, dataset)
    titles = ["file", *view_titles(cfg, len(views.transforms))]
    width = _GAP + len(titles) * (_CELL + _GAP)
    height = _HEADER + len(images) * (_CELL + _GAP)
    grid = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=15)
    for column, title in enumerate(titles):
        middle = _GAP + column * (_CELL + _GAP) + _CELL // 2
        draw.text((middle, _HEADER // 2), title, fill="black", font=font, anchor="mm")
    for row, image in enumerate(images):
        cells = [_to_image(view, dataset) for view in views(image)]
        if cfg.method == "leoclr":
            cells = [cells[-1], *cells[:-1]]
        for column, cell in enumerate([image, *cells]):
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
