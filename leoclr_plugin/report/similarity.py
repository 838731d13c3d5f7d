"""Draw which regions of a whole image are similar to its crops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms import RandomResizedCrop

_WINDOW = 0.4  # window's height and width as a fraction of the image's
_STEPS = 9  # number of windows along each side
_MAP_SIZE = 90  # height and width of a map in pixels
_CROP_SCALE = (0.1, 0.25)  # crop's area as a fraction of the image's; a small crop shows one thing
_CROPS = 2  # crops of each image

Encode = Callable[[list[Image.Image]], torch.Tensor]


def similarity_map(encode: Encode, image: Image.Image, crop: Image.Image) -> torch.Tensor:
    """Slide a window over ``image`` and compare it with ``crop`` at each position.

    The comparison is the cosine of the angle between their features.

    Args:
        encode: function that maps pictures to features ``[N, F]``.
        image: the whole image.
        crop: a part of the image.

    Returns:
        Map ``[90, 90]`` of values in [-1, 1]. Each pixel is the mean over the windows that cover
        it.
    """
    side = round(_WINDOW * _MAP_SIZE)
    starts = torch.linspace(0, _MAP_SIZE - side, _STEPS).round().int().tolist()
    corners = [(top, left) for top in starts for left in starts]
    x_scale, y_scale = image.width / _MAP_SIZE, image.height / _MAP_SIZE
    windows = [
        image.crop((left * x_scale, top * y_scale, (left + side) * x_scale, (top + side) * y_scale))
        for top, left in corners
    ]
    crop_feature, *window_features = F.normalize(encode([crop, *windows]), dim=1)
    total, count = torch.zeros(2, _MAP_SIZE, _MAP_SIZE)
    for (top, left), window_feature in zip(corners, window_features, strict=True):
        region = slice(top, top + side), slice(left, left + side)
        total[region] += crop_feature @ window_feature
        count[region] += 1
    return total / count


def similarity_rows(encode: Encode, images: Sequence[Image.Image], path: Path) -> None:
    """Draw two random crops of each image and the regions of the image that are similar to them.

    Args:
        encode: function that maps pictures to features ``[N, F]``. Subtract the mean over many
            images from the features: what all images have in common makes all regions similar.
        images: RGB pictures.
        path: path of the PNG to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    columns = 1 + 2 * _CROPS
    figure = Figure(figsize=(1.7 * columns, 1.75 * len(images)), layout="constrained")
    grid = figure.subplots(len(images), columns, squeeze=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for image, (whole, *cells) in zip(images, grid, strict=True):
            whole.imshow(image)
            for i in range(_CROPS):
                top, left, height, width = RandomResizedCrop.get_params(
                    image, _CROP_SCALE, (3 / 4, 4 / 3)
                )
                crop = image.crop((left, top, left + width, top + height))
                crop_axes, map_axes = cells[2 * i : 2 * i + 2]
                crop_axes.imshow(crop.resize((128, 128)))
                map_axes.imshow(image)
                extent = (0, image.width, image.height, 0)
                heat = map_axes.imshow(
                    similarity_map(encode, image, crop),
                    extent=extent,
                    cmap="coolwarm",
                    vmin=-1,
                    vmax=1,
                    alpha=0.6,
                )
                for axes in (whole, map_axes):
                    box = Rectangle((left, top), width, height, fill=False, edgecolor="black")
                    axes.add_patch(box)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    titles = ["X", *(title for i in range(_CROPS) for title in (f"crop {i + 1}", "agrees with"))]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    figure.colorbar(heat, ax=grid, shrink=0.6, label="cosine")
    figure.savefig(path, dpi=80)
