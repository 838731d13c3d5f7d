from collections import deque

import pytest
import torch
import torch.nn.functional as F

from leoclr_plugin.methods.queue import enqueue_, filled_places


def keys_from(start: int, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(start)
    return torch.randn(count, 4, generator=generator)


@pytest.mark.parametrize("sizes", [[3, 3, 3, 3], [4, 6, 1, 7], [10, 10], [11], [25, 3], [1] * 23])
def test_equals_a_deque(sizes):
    places = 10
    queue, pointer = torch.zeros(4, places), torch.zeros(1, dtype=torch.long)
    expected = deque([torch.zeros(4)] * places, maxlen=places)
    for number, size in enumerate(sizes):
        keys = keys_from(number, size)
        enqueue_(queue, pointer, keys)
        expected.extend(F.normalize(keys, dim=1))
        # Read from its oldest entry on, the ring equals the deque.
        ring = torch.roll(queue, -int(pointer), dims=1)
        assert torch.allclose(ring.T, torch.stack(list(expected)))


def test_keys_are_written_in_place_in_float32_with_unit_length():
    queue, pointer = torch.zeros(4, 6), torch.zeros(1, dtype=torch.long)
    address = queue.data_ptr()
    enqueue_(queue, pointer, (5 * keys_from(0, 4)).half())
    assert queue.data_ptr() == address
    assert queue.dtype == torch.float32
    assert torch.allclose(queue[:, :4].norm(dim=0), torch.ones(4))
    assert queue[:, 4:].abs().sum() == 0
    assert pointer.tolist() == [4]


def test_filled_places_are_counted_until_all_are():
    queue, pointer = torch.zeros(4, 7), torch.zeros(1, dtype=torch.long)
    counts = [filled_places(queue)]
    for number in range(4):
        enqueue_(queue, pointer, keys_from(number, 3))
        counts.append(filled_places(queue))
    assert counts == [0, 3, 6, 7, 7]
