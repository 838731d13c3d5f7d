"""The graph's operators: on a CPU the graph does everything, on a GPU it decodes and resizes.

On a CPU DALI takes several times as long to resize, colour and blur as torch and OpenCV, which use
vector instructions. On a GPU all that follows the resize is done to whole batches (``finish``).
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
    """The operators that the graph applies to images ``[H, W, 3]`` uint8.

    Attributes:
        resize: resizes an image, or a region of it, for a view.
        changes: change the resized image by the parameters of ``draw``. Each is stored under the
            name of its switch. With them the graph also flips and normalises. None leaves all of
            this to ``finish_views``.
    """

    resize: Resize
    changes: Mapping[str, Change] | None


def operators_on(device: str, threads: int) -> Operators:
    """Return the operators for ``device``, ``"gpu"`` or ``"cpu"`` with so many ``threads``."""
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
    # A bright level x becomes |255 - x|, and a dark one stays |0 - x|.
    bright = fn.cast(images >= 128, dtype=types.INT16)
    return fn.cast(math.abs(bright * 255 - images), dtype=types.UINT8)
