"""Threads that share the images of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from threadpoolctl import threadpool_limits


class Threads:
    """Threads that share the images of a batch; in each of them torch uses one core.

    A batch has enough images to keep all threads busy. If torch divided each image among the cores
    once more, the threads would wait for one another. Torch keeps all cores in the other threads
    of the process.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool = ThreadPoolExecutor(number, initializer=_use_one_core)

    def map(self, function: Callable[..., Any], *batch: Sequence[Any]) -> list[Any]:
        """Return the results of ``function`` for each image, in the order of the batch.

        Args:
            function: called with one item of each sequence of ``batch``.
            batch: the images, and sequences of what else belongs to each image.
        """
        results = [None] * len(batch[0])
        # Each thread takes the next image when it is free, because images differ in size. A future
        # for each image would cost more than the work on a small image.
        images = enumerate(zip(*batch, strict=True))

        def work() -> None:
            for number, image in images:
                results[number] = function(*image)

        for future in [self._pool.submit(work) for _ in range(self._number)]:
            future.result()
        return results


def _use_one_core() -> None:
    # In a new thread the first call of torch sets the number of cores. It is made here, because it
    # would undo the limit if it came later.
    torch.get_num_threads()
    threadpool_limits(1, user_api="openmp")
