"""Memory for batches, used again when nobody holds the batch any more."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch

# More free memory than this is given back to the system.
_KEPT = 12


class BatchMemory:
    """Memory for tensors, each used again after the last tensor that shares it has been freed.

    Memory that is new from the system costs more time than a view's colours, blur and
    normalisation together, because the system clears each page at its first use.
    """

    def __init__(self, pinned: bool) -> None:
        """Keep whether the memory is pinned, for fast copies to a GPU; torch then recycles it."""
        self._pinned = pinned
        self._free: deque[np.ndarray] = deque(maxlen=_KEPT)

    # Threads could not write to a tensor that Lightning's validation makes in inference mode.
    @torch.inference_mode(False)
    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Return an uninitialised CPU tensor."""
        if self._pinned:
            return torch.empty(tuple(shape), dtype=dtype, pin_memory=True)
        size = int(np.prod(shape)) * dtype.itemsize
        memory = self._take(size)
        # The tensor holds this array, and each tensor that shares the tensor's memory does too.
        # When the last of them is freed, so is the array, and its memory can be used again.
        array = memory.view()
        weakref.finalize(array, self._free.append, memory).atexit = False
        return torch.from_numpy(array).view(dtype).view(tuple(shape))

    def _take(self, size: int) -> np.ndarray:
        for _ in range(len(self._free)):
            memory = self._free.popleft()
            if memory.size == size:
                return memory
            self._free.append(memory)
        return np.empty(size, np.uint8)
