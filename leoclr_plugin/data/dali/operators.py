"""Which code works on the pixels: DALI's on a GPU, torch's and OpenCV's on a CPU.

On a CPU DALI's resize, colours and blur take several times as long as the same by their vector
instructions (benchmarks/data_pipeline.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.blur import dali_blur, opencv_blur
from leoclr_plugin.data.dali.color import dali_color, opencv_color
from leoclr_plugin.data.dali.resize import Resize, dali_resize, torch_resize
from leoclr_plugin.data.dali.threads import Threads

Change = Callable[[DataNode, dict[str, DataNode]], DataNode]


@dataclass(frozen=True)
class Operators:
    """What the graph does to images ``[H, W, 3]`` uint8.

    Attributes:
        resize: the image, or a region of it, to a view's size.
        color: brightness, contrast, saturation and hue, by what ``draws.draw`` gave of them.
        blur: by a Gaussian, likewise.
    """

    resize: Resize
    color: Change
    blur: Change


DALI = Operators(dali_resize, dali_color, dali_blur)


def operators_on(device: str, threads: int) -> Operators:
    """The operators for ``device``, ``"cpu"``, with so many threads, or ``"gpu"``."""
    if device == "gpu":
        return DALI
    shared = Threads(threads)
    return Operators(
        partial(torch_resize, shared), partial(opencv_color, shared), partial(opencv_blur, shared)
    )
