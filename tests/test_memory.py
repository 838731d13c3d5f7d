"""Memory that runs out, in the words of those who run out of it."""

import os
import signal

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.memory import shortage

CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of "
    "which 11.88 MiB is free. Process 1 has 79.08 GiB memory in use."
)


def raised(function) -> Exception:
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.cuda.OutOfMemoryError(CUDA), "GPU is out of memory: 20.00 MiB more"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `f()`"), "the GPU"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "the GPU"),
        # DALI's, in the versions from the least on.
        (RuntimeError("Critical error in pipeline: CUDA allocation failed"), "the GPU"),
        (
            RuntimeError(
                "Error in operator:\nCan't allocate 129499136 bytes on device 0.\nCurrent"
            ),
            "the GPU is out of memory: 129499136 bytes more",
        ),
        (
            RuntimeError('NVJPEG error "5" : NVJPEG_STATUS_ALLOCATOR_FAILURE n04418357/1.JPEG'),
            "GPU",
        ),
        (RuntimeError("Critical error in pipeline: std::bad_alloc"), "the machine"),
        (MemoryError(), "the machine is out of memory; a smaller batch"),
        (
            RuntimeError(
                "unable to allocate shared memory(shm) for file </torch_1_2_1>: No space left on "
                "device (28)"
            ),
            "No space left on device (28); take fewer workers or smaller batches, or give /dev/shm",
        ),
    ],
)
def test_shortages_of_other_machines(error: Exception, said: str) -> None:
    assert said in shortage(error)


def test_shortages_of_this_machine() -> None:
    petabyte = 10**15
    said = "the machine is out of memory: 1000000000000000 bytes more were asked for"
    assert said in shortage(raised(lambda: torch.empty(petabyte, dtype=torch.uint8)))
    said = "the machine is out of memory: 909. TiB more were asked for"
    assert said in shortage(raised(lambda: np.empty(petabyte, dtype=np.uint8)))


class Killed(Dataset):
    """Its reader is killed, as the system does where memory runs out."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_killed_worker() -> None:
    error = raised(lambda: next(iter(DataLoader(Killed(), num_workers=1))))
    line = shortage(error)
    assert line.startswith("DataLoader worker (pid")
    assert "; take fewer workers" in line


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"),
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("out of memory"),
    ],
)
def test_other_errors_are_none(error: Exception) -> None:
    assert shortage(error) is None
