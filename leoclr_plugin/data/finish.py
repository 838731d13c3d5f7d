"""Finish resized views on any device: torch changes whole batches at once.

An operator for each image would cost a GPU more than decoding does (benchmarks/data_pipeline.md).
Here all views of one size form one batch, and each operator is launched once for it. A CPU does the
same where OpenCV is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torchvision.transforms.functional import equalize

from leoclr_plugin.data.blur import torch_blur
from leoclr_plugin.data.color import torch_color
from leoclr_plugin.data.degrade import degraded
from leoclr_plugin.data.draws import Drawn
from leoclr_plugin.data.transfer import to_device
from leoclr_plugin.data.views import MeanAndStd, View, shift_and_scale


def finish_views(
    images: Sequence[torch.Tensor],
    views: Sequence[View],
    drawn: Sequence[Drawn],
    dtype: torch.dtype,
    precision: torch.dtype | None = None,
) -> list[torch.Tensor]:
    """Colour, blur, solarise, equalise, flip and normalise the views of a batch.

    Args:
        images: the resized images of each view, ``[n, H, W, C]`` uint8 or float32 with levels
            from 0 to 255, on any device.
        views: the views; their sizes, means and standard deviations are used.
        drawn: what ``draw`` gave for each view; an augmentation without a draw is left out.
        dtype: dtype of the result, float16 or float32.
        precision: dtype of the computation. The default is float16 on a GPU, which is enough for
            levels of 255 and faster, and float32 on a CPU, where float16 is slow.

    Returns:
        The images of each view, ``[n, C, H, W]`` in channels-last memory. The memory is torch's,
        not DALI's, so DALI never overwrites it.
    """
    if precision is None:
        precision = torch.float32 if images[0].device.type == "cpu" else torch.float16
    groups: dict[tuple[tuple[int, int], MeanAndStd], list[int]] = {}
    for number, view in enumerate(views):
        mean, std = view.mean_and_std
        groups.setdefault((tuple(view.size), (tuple(mean), tuple(std))), []).append(number)
    finished: dict[int, torch.Tensor] = {}
    for (_, mean_and_std), numbers in groups.items():
        rows = _rows([images[i] for i in numbers], precision)
        rows = _change(rows, [drawn[i] for i in numbers])
        for part, number in zip(rows.chunk(len(numbers)), numbers, strict=True):
            if views[number].degrade is not None or views[number].extra is not None:
                _change_each(part, views[number], drawn[number])
        parts = _normalise(rows, mean_and_std, dtype).chunk(len(numbers))
        finished.update(zip(numbers, parts, strict=True))
    return [finished[number] for number in range(len(views))]


def _rows(images: Sequence[torch.Tensor], precision: torch.dtype) -> torch.Tensor:
    """Join the images of several views as ``[n, H, C, W]``.

    In this order each channel's row is contiguous, and so are the channels of a row, so the
    blur is two plain products of matrices. 128 is subtracted from the levels, because half
    precision resolves numbers near 0 best.
    """
    n, height, width, channels = images[0].shape
    shape = (len(images) * n, height, channels, width)
    rows = torch.empty(shape, dtype=precision, device=images[0].device)
    for part, image in zip(rows.chunk(len(images)), images, strict=True):
        torch.sub(image.transpose(2, 3), 128.0, out=part)
    return rows


def _change(rows: torch.Tensor, drawn: Sequence[Drawn]) -> torch.Tensor:
    n = len(rows) // len(drawn)
    names = {name for view in drawn for name in view}

    def joined(name: str, unchanged: Any, switch: str) -> np.ndarray:
        """Join a parameter of all views; ``unchanged`` stands where the switch is off."""
        off, values = np.zeros(n, bool), []
        for view in drawn:
            is_on = view.get(switch, off).reshape(n, *(1 for _ in np.shape(unchanged)))
            values.append(np.where(is_on, view.get(name, unchanged), unchanged))
        return np.concatenate(values)

    if "colored" in names:
        maps = joined("maps", np.eye(rows.shape[2], dtype=np.float32), "colored")
        rows = torch_color(rows, maps, joined("greys", np.float32(0), "colored"))
    if names & {"blurred", "mirror"}:
        sigma, window = joined("sigma", 1.0, "blurred"), joined("window", 1, "blurred")
        rows = torch_blur(rows, sigma, window, joined("mirror", False, "mirror"))
    if "solarized" in names:
        solarized = to_device(joined("solarized", False, "solarized"), rows.device)
        solarized = solarized[:, None, None, None]
        # A level x of at least 128 becomes 255 - x; the rows hold levels less 128.
        rows = torch.where(solarized & (rows >= -0.5), -1 - rows, rows)
    if "equalized" in names:
        equalized = to_device(joined("equalized", False, "equalized"), rows.device)
        levels = (rows[equalized] + 128).round().to(torch.uint8)
        if len(levels):
            changed = equalize(levels.transpose(1, 2)).transpose(1, 2)
            rows[equalized] = changed.to(rows.dtype) - 128
    return rows


def _change_each(rows: torch.Tensor, view: View, drawn: Drawn) -> None:
    """Degrade the images, and apply the user's own transforms to each, in place."""
    levels = (rows + 128).round().clamp(0, 255).to(torch.uint8).transpose(1, 2)
    for i, (row, image) in enumerate(zip(rows, levels, strict=True)):
        row.copy_(change_further(image, view, drawn, i).transpose(0, 1))
        row -= 128


def change_further(image: torch.Tensor, view: View, drawn: Drawn, i: int) -> torch.Tensor:
    """Make the last changes of a view: the degradations, and the user's own transforms.

    Args:
        image: the i-th image of a batch, ``[3, H, W]`` uint8.
        view: the view.
        drawn: what ``draw_views`` gave for the view.
        i: the image's place in the batch.

    Returns:
        The changed image, ``[3, H, W]`` uint8.
    """
    if view.degrade is not None:
        image = degraded(image, view.degrade, drawn, i)
    if view.extra is not None:
        image = view.extra(image, int(drawn["extra"][i]))  # nosec B610 # not Django
    return image


def _normalise(rows: torch.Tensor, mean_and_std: MeanAndStd, dtype: torch.dtype) -> torch.Tensor:
    n, height, channels, width = rows.shape
    images = torch.empty((n, height, width, channels), dtype=dtype, device=rows.device)
    shift, scale = _shift_and_scale(mean_and_std, dtype, rows.device)
    torch.addcmul(shift, rows, scale, out=images.transpose(2, 3))
    return images.permute(0, 3, 1, 2)


@lru_cache(maxsize=32)
def _shift_and_scale(
    mean_and_std: MeanAndStd, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    shift, scale = shift_and_scale(mean_and_std, subtracted=128)
    return shift[:, None].to(device, dtype), scale[:, None].to(device, dtype)
