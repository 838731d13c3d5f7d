"""Draw a labelled grid of the views of several images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image, ImageDraw, ImageFont
from torchvision.transforms.functional import to_pil_image

from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.images import picture_of
from leoclr_plugin.data.make import views_of
from leoclr_plugin.data.views import MeanAndStd, given_mean_and_std, pretrain_views

_CELL = 160
_GAP = 8
_HEADER = 26
# For each ``method_kwargs.query``: how LeOCLR uses the original, and how it uses a crop.
_ROLES = {
    "anchor": ("query", "key"),
    "crops": ("key", "query"),
    "both": ("query and key", "query and key"),
}


def view_columns(cfg: DictConfig, views: int) -> dict[str, int]:
    """Map the title of each column of the grid to the index of its view in the batch.

    X1, X2, ... are the crops. LeOCLR's last view, the original X, comes first in the grid, and
    LeOCLR's titles say whether a view is a query or a key.

    Args:
        cfg: configuration with the method.
        views: number of views.
    """
    if cfg.method != "leoclr":
        return {f"X{i}": i - 1 for i in range(1, views + 1)}
    original, crop = _ROLES[OmegaConf.select(cfg, "method_kwargs.query", default="anchor")]
    crops = {f"X{i} ({crop})": i - 1 for i in range(1, views)}
    return {f"X ({original})": views - 1, **crops}


def view_grid(
    images: Sequence[Image.Image | np.ndarray], cfg: DictConfig, seed: int = 0
) -> Image.Image:
    """Draw one row per image: the image on disk, then the views that the networks receive.

    Args:
        images: RGB images of any size, or levels ``[H, W, C]`` as ``open_levels`` returns them.
            More than three channels are shown by the first three, and two by the first one.
        cfg: configuration with the method, its augmentations and the data set. The data set's
            normalisation is undone, so that the views look natural.
        seed: of the random draws.

    Returns:
        An RGB picture with a column for the file and one for each view.
    """
    dataset = cfg.data.dataset
    views = pretrain_views(cfg.augmentations, dataset, given_mean_and_std(cfg.data))
    columns = view_columns(cfg, len(views))
    titles = ["file", *columns]
    width = _GAP + len(titles) * (_CELL + _GAP)
    height = _HEADER + len(images) * (_CELL + _GAP)
    grid = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=15)
    for column, title in enumerate(titles):
        middle = _GAP + column * (_CELL + _GAP) + _CELL // 2
        draw.text((middle, _HEADER // 2), title, fill="black", font=font, anchor="mm")
    drawn = draw_views(views, seed, 0, np.arange(len(images)))
    made = views_of([np.array(image) for image in images], views, drawn)
    for row, image in enumerate(images):
        pictures = [
            _to_image(made[index][row], views[index].mean_and_std) for index in columns.values()
        ]
        on_disk = picture_of(image) if isinstance(image, np.ndarray) else image
        for column, picture in enumerate([on_disk, *pictures]):
            cell = _fit(picture)
            left = _GAP + column * (_CELL + _GAP) + (_CELL - cell.width) // 2
            top = _HEADER + row * (_CELL + _GAP) + (_CELL - cell.height) // 2
            grid.paste(cell, (left, top))
    return grid


def _to_image(view: torch.Tensor, mean_and_std: MeanAndStd) -> Image.Image:
    mean, std = (torch.tensor(values)[:, None, None] for values in mean_and_std)
    natural = (view * std + mean).clamp(0, 1)
    return to_pil_image(natural[:3] if len(natural) >= 3 else natural[:1].expand(3, -1, -1))


def _fit(image: Image.Image) -> Image.Image:
    scale = _CELL / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    return image.resize(size, Image.Resampling.BICUBIC)
