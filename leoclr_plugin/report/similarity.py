"""Which regions of a whole image its crops agree with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms import RandomResizedCrop

_WINDOW = 0.4  # of the image's height and width
_STEPS = 9  # windows along each side
_CANVAS = 90  # pixels of a map
_CROP_SCALE = (0.1, 0.25)  # of the image's area: small enough to show one thing
_CROPS = 2

Encode = Callable[[list[Image.Image]], torch.Tensor]


def similarity_map(encode: Encode, image: Image.Image, crop: Image.Image) -> torch.Tensor:
    """Slide a window over ``image`` and compare each with ``crop``, by cosine of the features.

    Args:
        encode: pictures to features ``[N, F]``.
        image: the whole image.
        crop: a part of it.

    Returns:
        ``[90, 90]`` in [-1, 1]: for each place the mean over the windows that cover it.
    """
    side = round(_WINDOW * _CANVAS)
    starts = torch.linspace(0, _CANVAS - side, _STEPS).round().int().tolist()
    corners = [(top, left) for top in starts for left in starts]
    across, down = image.width / _CANVAS, image.height / _CANVAS
    windows = [
        image.crop((left * across, top * down, (left + side) * across, (top + side) * down))
        for top, left in corners
    ]
    wanted, *others = F.normalize(encode([crop, *windows]), dim=1)
    total, covered = torch.zeros(2, _CANVAS, _CANVAS)
    for (top, left), other in zip(corners, others, strict=True):
        where = slice(top, top + side), slice(left, left + side)
        total[where] += wanted @ other
        covered[where] += 1
    return total / covered


def similarity_rows(encode: Encode, images: Sequence[Image.Image], path: Path) -> None:
    """Draw for each image two random crops of it, and where in it what they show is found.

    Args:
        encode: pictures to features ``[N, F]``, from which the mean over many images was taken:
            what all images have in common tells no region from another.
        images: RGB pictures.
        path: of the PNG.
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
                shown, place = cells[2 * i : 2 * i + 2]
                shown.imshow(crop.resize((128, 128)))
                place.imshow(image)
                extent = (0, image.width, image.height, 0)
                heat = place.imshow(
                    similarity_map(encode, image, crop),
                    extent=extent,
                    cmap="coolwarm",
                    vmin=-1,
                    vmax=1,
                    alpha=0.6,
                )
                for axes in (whole, place):
                    box = Rectangle((left, top), width, height, fill=False, edgecolor="black")
                    axes.add_patch(box)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    titles = ["X", *(title for i in range(_CROPS) for title in (f"crop {i + 1}", "agrees with"))]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    figure.colorbar(heat, ax=grid, shrink=0.6, label="cosine")
    figure.savefig(path, dpi=80)
