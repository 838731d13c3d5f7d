"""Memory is used again, but never while a tensor of any kind still shares it."""

import gc

import torch

from leoclr_plugin.system.batch_memory import BatchMemory


def test_memory_is_used_again_when_its_last_tensor_is_freed():
    memory = BatchMemory(pinned=False)
    first = memory.empty((4, 3), torch.float32)
    address = first.data_ptr()
    sharing = [first[1:], first.numpy(), first.t().detach(), first.untyped_storage()]
    del first
    while sharing:
        assert memory.empty((4, 3), torch.float32).data_ptr() != address
        sharing.pop()
    gc.collect()
    held = [memory.empty((4, 3), torch.float32) for _ in range(3)]
    assert address in [tensor.data_ptr() for tensor in held]
    assert len({tensor.data_ptr() for tensor in held}) == 3


def test_shape_and_dtype_may_change_if_the_size_is_the_same():
    memory = BatchMemory(pinned=False)
    address = memory.empty((8,), torch.float32).data_ptr()
    assert memory.empty((4, 8), torch.uint8).data_ptr() == address
    assert memory.empty((9,), torch.float32).shape == (9,)


def test_a_graph_that_saved_a_tensor_holds_its_memory():
    memory = BatchMemory(pinned=False)
    weight = torch.ones(3, requires_grad=True)
    tensor = memory.empty((3,), torch.float32).fill_(5)
    product = (weight * tensor).sum()
    del tensor
    memory.empty((3,), torch.float32).fill_(-1)
    product.backward()
    assert weight.grad.tolist() == [5, 5, 5]


def test_threads_can_write_to_a_tensor_that_a_validation_asked_for():
    with torch.inference_mode():
        tensor = BatchMemory(pinned=False).empty((3,), torch.float32)
    tensor.fill_(5)
    assert tensor.tolist() == [5, 5, 5]
