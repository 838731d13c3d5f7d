"""What is done to resized images after the graph: a batch at once, by torch, on a GPU.

DALI's operators are launched one after another and prepared image by image, which for three views
takes a GPU's graph longer than decoding does (benchmarks/data_pipeline.md).
"""

from __future__ import annotations

import numpy as np
import torch

from leoclr_plugin.data.dali.blur import torch_blur
from leoclr_plugin.data.dali.color import torch_color
from leoclr_plugin.data.dali.draws import Drawn
from leoclr_plugin.data.dali.views import View


def finish_batch(
    images: torch.Tensor, view: View, drawn: Drawn, dtype: torch.dtype
) -> torch.Tensor:
    """Colour, blur, solarise, flip and normalise a batch of one view.

    Args:
        images: ``[n, H, W, 3]`` uint8, on any device.
        view: of its mean and standard deviation.
        drawn: what ``draw`` gave of the batch; what is not in it is not done.
        dtype: of the result.

    Returns:
        ``[n, 3, H, W]`` in channels-last memory of its own.
    """
    images = images.permute(0, 3, 1, 2)
    if "mirror" in drawn:
        images = _where(drawn["mirror"], images.flip(3), images)
    for switch, change in _CHANGES.items():
        if switch in drawn:
            # Whole levels up to 2048 are exact in half precision.
            planes = images.to(torch.float16, memory_format=torch.contiguous_format)
            images = change(planes, drawn)
    mean, std = (torch.tensor(values)[:, None, None] for values in view.mean_and_std)
    scale, shift = 1 / (255 * std), -mean / std
    normalised = torch.addcmul(shift.to(images.device), images, scale.to(images.device))
    return normalised.to(dtype, memory_format=torch.channels_last)


def _solarize(images: torch.Tensor, drawn: Drawn) -> torch.Tensor:
    return _where(drawn["solarized"], torch.where(images >= 128, 255 - images, images), images)


def _where(switch: np.ndarray, changed: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    chosen = torch.from_numpy(switch.astype(bool)).to(images.device)
    return torch.where(chosen[:, None, None, None], changed, images)


_CHANGES = {"colored": torch_color, "blurred": torch_blur, "solarized": _solarize}
