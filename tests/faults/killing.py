"""Kill a process before one of its calls that read from a socket or change files."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from threading import RLock

import numpy as np
from tqdm import tqdm

_CALLS = {
    *("open", "write", "fsync", "truncate", "close", "rename", "replace", "link", "symlink"),
    *("unlink", "remove", "mkdir", "rmdir", "utime", "chmod", "lock", "flock"),
    *("connect", "sendall", "recv", "recv_into", "read", "readinto"),
}


def killed_before(number: int, act: Callable[[], object]) -> bool:
    """Do ``act`` in a child that kills itself before its ``number``-th call.

    Returns:
        Whether the child was killed; it ended by itself if it has fewer calls.
    """
    return _counted(number, act) is None


def random_calls(act: Callable[[], object], trials: int) -> list[int]:
    """Return the numbers of random calls of ``act``, which a child does once to count them."""
    calls = _counted(-1, act)
    assert calls
    return np.random.default_rng(0).integers(calls, size=trials).tolist()


def _counted(number: int, act: Callable[[], object]) -> int | None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code, calls = 1, [0]
        # Otherwise a child that is killed while it draws a bar would stop its parent's bars.
        tqdm.set_lock(RLock())

        def count(frame: object, event: str, called: object) -> None:
            if event == "c_call" and called.__name__ in _CALLS:
                if calls[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                calls[0] += 1

        try:
            sys.setprofile(count)
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.setprofile(None)
            os.write(write, str(calls[0]).encode())
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as file:
        calls = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return int(calls) if calls else None
