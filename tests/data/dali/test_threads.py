"""Threads share the images of a batch."""

import threading

import pytest
import torch

from leoclr_plugin.data.dali.threads import Threads


def test_results_are_in_the_batchs_order_whichever_thread_made_them():
    barrier = threading.Barrier(2)
    used_threads = set()

    def repeat(number: int, letter: str) -> str:
        # Both threads must work at the same time, or the barrier breaks.
        barrier.wait(timeout=30)
        used_threads.add(threading.get_ident())
        return letter * number

    letters = "abcdefgh"
    assert Threads(2).map(repeat, range(8), letters) == [c * i for i, c in enumerate(letters)]
    assert len(used_threads) == 2


def test_there_may_be_more_threads_than_images():
    assert Threads(4).map(abs, [-1, -2]) == [1, 2]


def test_an_error_of_the_function_is_raised():
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
