"""A batch's images among threads."""

import threading

import pytest
import torch

from leoclr_plugin.data.dali.threads import Threads


def test_results_are_in_the_batchs_order_whichever_thread_made_them():
    together = threading.Barrier(2)
    used = set()

    def slow(number: int, other: str) -> str:
        # Both threads are at work at once, or the barrier breaks.
        together.wait(timeout=30)
        used.add(threading.get_ident())
        return other * number

    letters = "abcdefgh"
    assert Threads(2).map(slow, range(8), letters) == [c * i for i, c in enumerate(letters)]
    assert len(used) == 2


def test_more_threads_than_images():
    assert Threads(4).map(abs, [-1, -2]) == [1, 2]


def test_what_a_function_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        Threads(2).map(lambda x: 1 // x, [1, 0, 1])


def test_torch_has_one_core_in_each_thread_and_all_of_them_outside():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert Threads(2).map(lambda _: torch.get_num_threads(), range(8)) == [1] * 8
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
