"""Resizing on a CPU by torch, whose antialiased resize works on bytes as PIL's does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

from leoclr_plugin.data.crop import view_regions
from leoclr_plugin.data.draws import Drawn
from leoclr_plugin.data.mix import assemble
from leoclr_plugin.data.views import View
from leoclr_plugin.errors import UserError


def resize_images(images: Sequence[np.ndarray], view: View, drawn: Drawn) -> list[np.ndarray]:
    """Resize images, or a random region of each, to the size of a view.

    Args:
        images: n images ``[H, W, C]`` uint8 or float32, with levels from 0 to 255, of any sizes.
        view: the view.
        drawn: what ``draw`` gave for the n images.

    Returns:
        n images of ``view.size`` and of the same type, in contiguous memory.

    Raises:
        UserError: if the view may not crop an image that is not square.
    """
    regions = view_regions(np.array([image.shape[:2] for image in images]), drawn)
    corners = [np.concatenate(region, axis=1).tolist() for region in regions]
    tile, resized = view.tile, []
    for i, image in enumerate(images):
        edges = (region[i] for region in corners)
        crops = [image[top:bottom, left:right] for top, left, bottom, right in edges]
        tiles = [_resize(crop, tile) for crop in crops or [image]]
        if view.mix is None:
            resized += tiles
        else:
            own = {name: values[i] for name, values in drawn.items()}
            resized.append(assemble(view.mix, torch.from_numpy(np.stack(tiles)), own).numpy())
    return resized


def _resize(image: np.ndarray, view: View) -> np.ndarray:
    size = _size(view, *image.shape[:2])
    if view.whole and size != tuple(view.size):
        raise UserError(
            f"an int crop_size keeps the aspect ratio, so an image of {image.shape[0]}x"
            f"{image.shape[1]} pixels does not fit into a batch of {view.size[0]}x{view.size[1]}; "
            f"write crop_size: [{view.size[0]}, {view.size[1]}]"
        )
    if size != image.shape[:2]:
        resized = interpolate(
            torch.from_numpy(image)[None].permute(0, 3, 1, 2),
            size=size,
            mode="bicubic" if view.bicubic else "bilinear",
            antialias=True,
        )
        if resized.dtype != torch.uint8:
            # A bicubic resize overshoots at edges, and torch clips only bytes by itself.
            resized = resized.clamp_(0, 255)
        image = resized[0].permute(1, 2, 0).numpy()
    # The margins are those of torchvision's CenterCrop.
    top, left = (round((side - target) / 2) for side, target in zip(size, view.size, strict=True))
    return np.ascontiguousarray(image[top : top + view.size[0], left : left + view.size[1]])


def _size(view: View, height: int, width: int) -> tuple[int, int]:
    if view.resize_shorter is None:
        return tuple(view.size)
    # Integers are multiplied before they are divided, so the shorter side is exactly the given one.
    shorter = min(height, width)
    return view.resize_shorter * height // shorter, view.resize_shorter * width // shorter
