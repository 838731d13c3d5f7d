"""On a GPU torch finishes the resized images after the graph, whole batches at once.

DALI prepares each of its operators image by image and launches them one after another. For three
views this takes longer than decoding does (benchmarks/data_pipeline.md). Here all views of one size
form one batch, and each operator is launched once for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from leoclr_plugin.data.dali.blur import torch_blur
from leoclr_plugin.data.dali.color import UNCHANGED, torch_color
from leoclr_plugin.data.dali.draws import Drawn
from leoclr_plugin.data.dali.transfer import to_device
from leoclr_plugin.data.dali.views import View

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


def finish_views(
    images: Sequence[torch.Tensor],
    views: Sequence[View],
    drawn: Sequence[Drawn],
    dtype: torch.dtype,
) -> list[torch.Tensor]:
    """Colour, blur, solarise, flip and normalise the views of a batch.

    Args:
        images: the resized images of each view, ``[n, H, W, 3]`` uint8, on any device.
        views: the views; their sizes, means and standard deviations are used.
        drawn: what ``draw`` gave for each view; an augmentation without a draw is left out.
        dtype: dtype of the result, float16 or float32.

    Returns:
        The images of each view, ``[n, 3, H, W]`` in channels-last memory. The memory is torch's,
        not DALI's, so DALI never overwrites it.
    """
    groups: dict[tuple[tuple[int, int], Normalisation], list[int]] = {}
    for number, view in enumerate(views):
        mean, std = view.mean_and_std
        groups.setdefault((tuple(view.size), (tuple(mean), tuple(std))), []).append(number)
    finished: dict[int, torch.Tensor] = {}
    for (_, normalisation), numbers in groups.items():
        rows = _change(_rows([images[i] for i in numbers]), [drawn[i] for i in numbers])
        parts = _normalise(rows, normalisation, dtype).chunk(len(numbers))
        finished.update(zip(numbers, parts, strict=True))
    return [finished[number] for number in range(len(views))]


def _rows(images: Sequence[torch.Tensor]) -> torch.Tensor:
    """Join the images of several views as ``[n, H, 3, W]`` float16.

    In this order each channel's row is contiguous, and so are the three channels of a row, so the
    blur is two plain products of matrices. 128 is subtracted from the levels, because half
    precision resolves numbers near 0 best.
    """
    n, height, width, channels = images[0].shape
    shape = (len(images) * n, height, channels, width)
    rows = torch.empty(shape, dtype=torch.float16, device=images[0].device)
    for part, image in zip(rows.chunk(len(images)), images, strict=True):
        torch.sub(image.transpose(2, 3), 128.0, out=part)
    return rows


def _change(rows: torch.Tensor, drawn: Sequence[Drawn]) -> torch.Tensor:
    n = len(rows) // len(drawn)
    names = {name for view in drawn for name in view}

    def joined(name: str, unchanged: float, switch: str) -> np.ndarray:
        """Join a parameter of all views; ``unchanged`` stands where the switch is off."""
        off = np.zeros(n, bool)
        views = ((view.get(switch, off), view.get(name, unchanged)) for view in drawn)
        return np.concatenate([np.where(is_on, value, unchanged) for is_on, value in views])

    if "colored" in names:
        factors = (joined(name, unchanged, "colored") for name, unchanged in UNCHANGED.items())
        rows = torch_color(rows, *factors)
    if names & {"blurred", "mirror"}:
        sigma, window = joined("sigma", 1.0, "blurred"), joined("window", 1, "blurred")
        rows = torch_blur(rows, sigma, window, joined("mirror", 0, "mirror"))
    if "solarized" in names:
        solarized = torch.from_numpy(joined("solarized", 0, "solarized").astype(bool))
        solarized = to_device(solarized, rows.device)[:, None, None, None]
        # A level x of at least 128 becomes 255 - x; the rows hold levels less 128.
        rows = torch.where(solarized & (rows >= -0.5), -1 - rows, rows)
    return rows


def _normalise(
    rows: torch.Tensor, normalisation: Normalisation, dtype: torch.dtype
) -> torch.Tensor:
    n, height, channels, width = rows.shape
    images = torch.empty((n, height, width, channels), dtype=dtype, device=rows.device)
    shift, scale = _shift_and_scale(normalisation, dtype, rows.device)
    torch.addcmul(shift, rows, scale, out=images.transpose(2, 3))
    return images.permute(0, 3, 1, 2)


@lru_cache(maxsize=32)
def _shift_and_scale(
    normalisation: Normalisation, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (torch.tensor(values, dtype=torch.float64)[:, None] for values in normalisation)
    return ((128 / 255 - mean) / std).to(device, dtype), (1 / (255 * std)).to(device, dtype)
