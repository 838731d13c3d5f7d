"""The signals that ask a process to leave."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# SLURM announces a preemption or the end of a job's time with a signal, for example with
# --signal=USR1@120.
_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def leaving_signals(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Let SIGTERM and SIGUSR1 call the handler during the block.

    In a thread other than the main thread, Python does not allow this, and nothing changes.
    """
    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
