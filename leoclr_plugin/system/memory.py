"""Recognise a lack of memory in the error messages of the libraries that are used."""

from __future__ import annotations

import re

from leoclr_plugin.errors import one_line

# torch's data loader raises these errors when the system killed a worker, often for lack of
# memory, or when a worker found no room in shared memory.
_LOADER = re.compile(r"DataLoader worker .*(killed|exited)|shared memory", re.IGNORECASE)
# torch, the libraries of CUDA, DALI and numpy use these words for a failed allocation.
_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to|failed to) allocate|bad_alloc|"
    r"alloc(ation|ator)?[ _]fail",
    re.IGNORECASE,
)
_REQUESTED = re.compile(r"allocate ([\d.]+ \w+)")
_GPU = re.compile(r"cuda|cudnn|cublas|nvjpeg|mps|on device", re.IGNORECASE)


def shortage(error: BaseException) -> str | None:
    """Return a line that says which memory ran out and what to do.

    Args:
        error: any exception.

    Returns:
        The line, or None when the exception has another cause.
    """
    text = one_line(error)
    if not isinstance(error, MemoryError | RuntimeError):
        return None
    if _LOADER.search(text):
        return (
            f"{text.rstrip(' .')}; use fewer workers or smaller batches, or give /dev/shm more "
            "memory (docker run --shm-size)"
        )
    if not (isinstance(error, MemoryError) or _MEMORY.search(text)):
        return None
    requested = _REQUESTED.search(text)
    amount = f": {requested[1]} more were requested" if requested else ""
    device = "GPU" if _GPU.search(text) else "machine"
    return f"the {device} is out of memory{amount}; a smaller batch needs less"
