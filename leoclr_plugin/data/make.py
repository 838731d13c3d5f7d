"""Make the views of decoded images on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torchvision.transforms.functional import equalize

from leoclr_plugin.data import opencv
from leoclr_plugin.data.draws import Drawn
from leoclr_plugin.data.finish import change_further, finish_views
from leoclr_plugin.data.rand_augment import change_image
from leoclr_plugin.data.resize import resize_images
from leoclr_plugin.data.views import MeanAndStd, View, shift_and_scale


def make_views(
    images: Sequence[np.ndarray],
    views: Sequence[View],
    drawn: Sequence[Drawn],
    out: Sequence[torch.Tensor],
) -> None:
    """Make all views of some images: resized, coloured, blurred, flipped and normalised.

    OpenCV changes colours and blurs where it is installed, and torch does otherwise. The results
    differ by rounding.

    Args:
        images: n images ``[H, W, C]`` uint8 or float32, with levels from 0 to 255, of any sizes.
        views: the views of each image.
        drawn: for each view what ``draw`` gave for the n images.
        out: the finished views are written here: for each ``[n, *view.size, C]`` float32.
    """
    if not opencv.has_opencv():
        resized = [
            torch.from_numpy(np.stack(_resize(images, *view)))
            for view in zip(views, drawn, strict=True)
        ]
        for target, finished in zip(
            out, finish_views(resized, views, drawn, torch.float32), strict=True
        ):
            target.copy_(finished.permute(0, 2, 3, 1))
        return
    for view, view_drawn, target in zip(views, drawn, out, strict=True):
        _make_view(images, view, view_drawn, target)


def views_of(
    images: Sequence[np.ndarray], views: Sequence[View], drawn: Sequence[Drawn]
) -> list[torch.Tensor]:
    """Return all views of some images as ``make_views`` makes them, each ``[n, C, H, W]``."""
    out = [torch.empty(len(images), *view.size, view.channels) for view in views]
    make_views(images, views, drawn, out)
    return [view.permute(0, 3, 1, 2) for view in out]


def resize_views(
    images: Sequence[np.ndarray],
    views: Sequence[View],
    drawn: Sequence[Drawn],
    out: Sequence[torch.Tensor],
) -> None:
    """Do the first half of ``make_views``; ``finish_views`` does the rest.

    It is used if a GPU finishes the views. ``out`` has the type of ``images``.
    """
    for view, view_drawn, target in zip(views, drawn, out, strict=True):
        for place, image in zip(target, _resize(images, view, view_drawn), strict=True):
            place.copy_(torch.from_numpy(image))


def _resize(images: Sequence[np.ndarray], view: View, drawn: Drawn) -> list[np.ndarray]:
    resized = resize_images(images, view, drawn)
    if view.rand_augment is None:
        return resized
    return [
        change_image(image, view.rand_augment, changes)
        for image, changes in zip(resized, drawn["changes"], strict=True)
    ]


def _make_view(
    images: Sequence[np.ndarray], view: View, drawn: Drawn, target: torch.Tensor
) -> None:
    off = np.zeros(len(images), bool)
    colored, blurred, solarized, equalized, mirror = (
        drawn.get(name, off) for name in ("colored", "blurred", "solarized", "equalized", "mirror")
    )
    levels = np.empty((len(images), *view.size, view.channels), images[0].dtype)
    for i, image in enumerate(_resize(images, view, drawn)):
        if colored[i]:
            image = opencv.change_colors(image, drawn["maps"][i], drawn["greys"][i])
        if blurred[i]:
            image = opencv.blur(image, drawn["sigma"][i], drawn["window"][i])
        if solarized[i]:
            image = np.where(image >= 127.5, 255 - image, image)
        if equalized[i]:
            channels_first = torch.from_numpy(image).permute(2, 0, 1)
            image = equalize(channels_first).permute(1, 2, 0).numpy()
        if mirror[i]:
            image = opencv.flip(np.ascontiguousarray(image))
        if view.degrade is not None or view.extra is not None:
            channels_first = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
            image = change_further(channels_first, view, drawn, i).permute(1, 2, 0).numpy()
        levels[i] = image
    # Rows of all channels are long enough for torch's vector instructions.
    rows = torch.from_numpy(levels).view(len(images), view.size[0], -1)
    shift, scale = _shift_and_scale(view.mean_and_std, view.size[1])
    torch.addcmul(shift, rows, scale, out=target.view_as(rows))


@lru_cache(maxsize=32)
def _shift_and_scale(mean_and_std: MeanAndStd, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what normalises rows of interleaved channels, ``[width * C]``."""
    return tuple(values.float().repeat(width) for values in shift_and_scale(mean_and_std))
