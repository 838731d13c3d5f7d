"""Results of threads in the order of what they work on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_Value, _Result = TypeVar("_Value"), TypeVar("_Result")
# So many values are worked on ahead for each thread.
_AHEAD = 4


def in_order(
    call: Callable[[_Value], _Result], values: Iterable[_Value], threads: int, ahead: int = 0
) -> Iterator[_Result]:
    """Yield ``call(value)`` of each value, with few results in memory, unlike ``pool.map``.

    Args:
        call: called by threads.
        values: the values.
        threads: the number of threads.
        ahead: how many values are worked on while the caller takes its time; 0 for four a thread.
    """
    left = iter(values)
    pool = ThreadPoolExecutor(threads)
    try:
        first = islice(left, ahead or threads * _AHEAD)
        under_way = deque(pool.submit(call, value) for value in first)
        while under_way:
            result = under_way.popleft().result()
            under_way.extend(pool.submit(call, value) for value in islice(left, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
