"""A lack of memory is recognised in the messages of all libraries."""

import os
import signal

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.system.memory import shortage

CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of "
    "which 11.88 MiB is free. Process 1 has 79.08 GiB memory in use."
)


def raised_by(function) -> Exception:
    """Return the exception that the function raises."""
    with pytest.raises(Exception) as error:
        function()
    return error.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.cuda.OutOfMemoryError(CUDA), "GPU is out of memory: 20.00 MiB more"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `f()`"), "the GPU"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "the GPU"),
        # The next four messages come from different versions of DALI.
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
            "No space left on device (28); use fewer workers or smaller batches, or give /dev/shm",
        ),
    ],
)
def test_known_messages_are_recognised(error: Exception, words: str) -> None:
    assert words in shortage(error)


def test_errors_that_are_raised_here_are_recognised() -> None:
    petabyte = 10**15
    line = shortage(raised_by(lambda: torch.empty(petabyte, dtype=torch.uint8)))
    assert "the machine is out of memory: 1000000000000000 bytes more were requested" in line
    line = shortage(raised_by(lambda: np.empty(petabyte, dtype=np.uint8)))
    assert "the machine is out of memory: 909. TiB more were requested" in line


class KillsItsWorker(Dataset):
    """Reading an item kills the process, as the system does when memory runs out."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_killed_worker_is_recognised() -> None:
    error = raised_by(lambda: next(iter(DataLoader(KillsItsWorker(), num_workers=1))))
    line = shortage(error)
    assert line.startswith("DataLoader worker (pid")
    assert "; use fewer workers" in line


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"),
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("out of memory"),
    ],
)
def test_other_errors_are_not_recognised(error: Exception) -> None:
    assert shortage(error) is None
