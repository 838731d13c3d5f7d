"""Threads that share the images of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from threadpoolctl import threadpool_limits


class Threads:
    """Threads in each of which torch works on one core.

    The images of a batch are work enough for all threads; were each image divided among the cores
    once more, the threads would wait for one another. The process's other threads are left alone.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool = ThreadPoolExecutor(number, initializer=_use_one_core)

    def map(self, function: Callable[..., Any], *batch: Sequence[Any]) -> list[Any]:
        """``function`` of each image, with what else the batch has of it, in the batch's order."""
        results = [None] * len(batch[0])
        # Taken one after another, since images differ in size; a future for each of them would
        # take longer than what is done to a small one.
        images = enumerate(zip(*batch, strict=True))

        def work() -> None:
            for number, image in images:
                results[number] = function(*image)

        for share in [self._pool.submit(work) for _ in range(self._number)]:
            share.result()
        return results


def _use_one_core() -> None:
    # A thread's first question makes torch set its number, which would undo what is set before.
    torch.get_num_threads()
    threadpool_limits(1, user_api="openmp")
