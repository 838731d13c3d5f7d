"""Telling that memory ran out from other errors, whichever library says so, and in its words."""

from __future__ import annotations

import re

from leoclr_plugin.errors import one_line

# Of torch's loader: a worker that was killed, as where memory runs out, or found no room.
_LOADER = re.compile(r"DataLoader worker .*(killed|exited)|shared memory", re.IGNORECASE)
# Of torch, CUDA's libraries, DALI and numpy.
_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to|failed to) allocate|bad_alloc|"
    r"alloc(ation|ator)?[ _]fail",
    re.IGNORECASE,
)
_ASKED_FOR = re.compile(r"allocate ([\d.]+ \w+)")
_GPU = re.compile(r"cuda|cudnn|cublas|nvjpeg|mps|on device", re.IGNORECASE)


def shortage(error: BaseException) -> str | None:
    """What memory ran out, and what to do, in one line.

    Args:
        error: anything that was raised.

    Returns:
        None where it was raised for something else.
    """
    text = one_line(error)
    if not isinstance(error, MemoryError | RuntimeError):
        return None
    if _LOADER.search(text):
        return (
            f"{text.rstrip(' .')}; take fewer workers or smaller batches, or give /dev/shm more "
            "memory (docker run --shm-size)"
        )
    if not (isinstance(error, MemoryError) or _MEMORY.search(text)):
        return None
    asked_for = _ASKED_FOR.search(text)
    amount = f": {asked_for[1]} more were asked for" if asked_for else ""
    whose = "GPU" if _GPU.search(text) else "machine"
    return f"the {whose} is out of memory{amount}; a smaller batch takes less"
