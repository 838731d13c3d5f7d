"""Resizing by DALI or by torch. Torch's antialiased resize works on bytes as PIL's does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode
from torch.nn.functional import interpolate

from leoclr_plugin.data.dali.threads import Threads
from leoclr_plugin.data.dali.views import View

Region = tuple[DataNode, DataNode]
Resize = Callable[[DataNode, View, Region | None], DataNode]


def dali_resize(images: DataNode, view: View, region: Region | None) -> DataNode:
    """Resize images ``[H, W, 3]``, or a region (top left, bottom right) of each, for a view.

    The result has the view's size. If the view gives the shorter side, the image is resized to
    that side and cropped at the centre.
    """
    shorter = view.resize_shorter
    resized = fn.resize(
        images,
        interp_type=types.INTERP_CUBIC if view.bicubic else types.INTERP_LINEAR,
        **({"size": view.size} if shorter is None else {"resize_shorter": shorter}),
        **({} if region is None else {"roi_start": region[0], "roi_end": region[1]}),
    )
    return resized if shorter is None else fn.crop(resized, crop=view.size)


def torch_resize(threads: Threads, images: DataNode, view: View, region: Region | None) -> DataNode:
    """Resize as ``dali_resize`` does, by torch on the CPU's ``threads``, without the crop.

    The graph crops a view at the centre when it normalises it.
    """
    return fn.python_function(
        images,
        *(region or ()),
        function=partial(threads.map, partial(_resize, view)),
        batch_processing=True,
        output_layouts="HWC",
    )


def _resize(view: View, image: np.ndarray, *region: np.ndarray) -> np.ndarray:
    if region:
        (top, left), (bottom, right) = (corner.astype(int) for corner in region)
        image = image[top:bottom, left:right]
    resized = interpolate(
        torch.from_numpy(image)[None].permute(0, 3, 1, 2),
        size=_size(view, *image.shape[:2]),
        mode="bicubic" if view.bicubic else "bilinear",
        antialias=True,
    )
    return resized[0].permute(1, 2, 0).numpy()


def _size(view: View, height: int, width: int) -> Sequence[int]:
    if view.resize_shorter is None:
        return view.size
    # Integers are multiplied before they are divided, so the shorter side is exactly the given one.
    return [view.resize_shorter * side // min(height, width) for side in (height, width)]
