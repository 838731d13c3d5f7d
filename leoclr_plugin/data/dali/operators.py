"""Which code works on the pixels: DALI's on a GPU, torch's and OpenCV's on a CPU.

On a CPU DALI's resize, colours and blur take several times as long as the same by their vector
instructions (benchmarks/data_pipeline.md).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from nvidia.dali.data_node import DataNode
from threadpoolctl import threadpool_limits

from leoclr_plugin.data.dali.blur import dali_blur, opencv_blur
from leoclr_plugin.data.dali.color import dali_color, opencv_color
from leoclr_plugin.data.dali.resize import Resize, dali_resize, torch_resize

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
    pool = one_core_threads(threads)
    return Operators(
        partial(torch_resize, pool), partial(opencv_color, pool), partial(opencv_blur, pool)
    )


def one_core_threads(threads: int) -> ThreadPoolExecutor:
    """A pool of threads in each of which torch works on one core.

    The images of a batch are work enough for all threads; were each image divided among the cores
    once more, the threads would wait for one another. The process's other threads are left alone.
    """
    return ThreadPoolExecutor(threads, initializer=_use_one_core)


def _use_one_core() -> None:
    # A thread's first question makes torch set its number, which would undo what is set before.
    torch.get_num_threads()
    threadpool_limits(1, user_api="openmp")
