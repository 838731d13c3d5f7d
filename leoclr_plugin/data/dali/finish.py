"""What is done to resized images after the graph: to whole batches, by torch, on a GPU.

DALI prepares each of its operators image by image, and launches them one after another, which for
three views takes a GPU's graph longer than decoding does (benchmarks/data_pipeline.md). Here views
of one size are one batch, for which each operator is launched once.
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
        images: of each view, ``[n, H, W, 3]`` uint8, on any device.
        views: of their sizes, means and standard deviations.
        drawn: what ``draw`` gave for each view; what is not in it is not done.
        dtype: of the result, float16 or float32.

    Returns:
        Of each view ``[n, 3, H, W]`` in channels-last memory, none of which is DALI's.
    """
    alike: dict[tuple[tuple[int, int], Normalisation], list[int]] = {}
    for number, view in enumerate(views):
        mean, std = view.mean_and_std
        alike.setdefault((tuple(view.size), (tuple(mean), tuple(std))), []).append(number)
    finished: dict[int, torch.Tensor] = {}
    for (_, normalisation), numbers in alike.items():
        rows = _change(_rows([images[i] for i in numbers]), [drawn[i] for i in numbers])
        parts = _normalise(rows, normalisation, dtype).chunk(len(numbers))
        finished.update(zip(numbers, parts, strict=True))
    return [finished[number] for number in range(len(views))]


def _rows(images: Sequence[torch.Tensor]) -> torch.Tensor:
    # [n, H, 3, W]: a channel's row is contiguous, and so are a row's three, so that the blur is
    # two plain products of matrices. Of levels less 128, which half precision resolves best.
    n, height, width, channels = images[0].shape
    shape = (len(images) * n, height, channels, width)
    rows = torch.empty(shape, dtype=torch.float16, device=images[0].device)
    for part, image in zip(rows.chunk(len(images)), images, strict=True):
        torch.sub(image.transpose(2, 3), 128.0, out=part)
    return rows


def _change(rows: torch.Tensor, drawn: Sequence[Drawn]) -> torch.Tensor:
    n = len(rows) // len(drawn)
    names = {name for view in drawn for name in view}

    def of_all(name: str, rest: float, switch: str) -> np.ndarray:
        # ``rest`` for images that are not to be changed.
        unchanged = np.zeros(n, bool)
        views = ((view.get(switch, unchanged), view.get(name, rest)) for view in drawn)
        return np.concatenate([np.where(chosen, value, rest) for chosen, value in views])

    if "colored" in names:
        factors = (of_all(name, rest, "colored") for name, rest in UNCHANGED.items())
        rows = torch_color(rows, *factors)
    if names & {"blurred", "mirror"}:
        sigma, window = of_all("sigma", 1.0, "blurred"), of_all("window", 1, "blurred")
        rows = torch_blur(rows, sigma, window, of_all("mirror", 0, "mirror"))
    if "solarized" in names:
        chosen = torch.from_numpy(of_all("solarized", 0, "solarized").astype(bool))
        chosen = to_device(chosen, rows.device)[:, None, None, None]
        rows = torch.where(chosen & (rows >= -0.5), -1 - rows, rows)
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
