"""What the graph itself does to the pixels: on a CPU all of it, on a GPU decoding and resizing.

On a CPU DALI's resize, colours and blur take several times as long as torch's and OpenCV's, by
their vector instructions. On a GPU what follows the resize is done to whole batches (``finish``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.blur import opencv_blur
from leoclr_plugin.data.dali.color import opencv_color
from leoclr_plugin.data.dali.resize import Resize, dali_resize, torch_resize
from leoclr_plugin.data.dali.threads import Threads

Change = Callable[[DataNode, dict[str, DataNode]], DataNode]


@dataclass(frozen=True)
class Operators:
    """What the graph does to images ``[H, W, 3]`` uint8.

    Attributes:
        resize: the image, or a region of it, to a view's size.
        changes: of the resized image by what ``draw`` gave, each under the name of its switch;
            then the graph also flips and normalises. None where all of this is left to
            ``finish_views``.
    """

    resize: Resize
    changes: Mapping[str, Change] | None


def operators_on(device: str, threads: int) -> Operators:
    """The operators for ``device``, ``"cpu"``, with so many threads, or ``"gpu"``."""
    if device == "gpu":
        return GPU
    shared = Threads(threads)
    changes = {
        "colored": partial(opencv_color, shared),
        "blurred": partial(opencv_blur, shared),
        "solarized": _solarize,
    }
    return Operators(partial(torch_resize, shared), changes)


GPU = Operators(dali_resize, None)


def _solarize(images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    # |255 - x| where x is bright, else |0 - x|.
    bright = fn.cast(images >= 128, dtype=types.INT16)
    return fn.cast(math.abs(bright * 255 - images), dtype=types.UINT8)
