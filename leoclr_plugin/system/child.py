"""Run a command that ends when the process that started it ends."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from leoclr_plugin.system.signals import leaving_signals

_SIGNAL_WHEN_THE_PARENT_ENDS = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def run_child(command: Sequence[str], log: TextIO | None = None) -> int:
    """Run a command, wait for its end, and pass on the signals that ask this process to end.

    A child that outlived this process would keep writing into its folder. When the user repeats
    the call, a second child would write into the same folder. So the child gets a SIGTERM if this
    process is killed, on Linux only.

    Args:
        command: program and arguments.
        log: file for the command's output; None sends it to this process's own output.

    Returns:
        The exit code of the command, or minus the number of the signal that ended it.

    Raises:
        SystemExit: after a SIGTERM or SIGUSR1 to this process, once the child, which receives it
            too, has ended. The exit code is 128 plus the signal's number.
    """
    child: subprocess.Popen[bytes] | None = None
    received: list[int] = []

    def pass_on(number: int, frame: Any) -> None:
        received.append(number)
        if child is not None:
            child.send_signal(number)

    with leaving_signals(pass_on):
        errors = None if log is None else subprocess.STDOUT
        # The command is this program itself, and no shell reads its words.
        child = subprocess.Popen(  # nosec B603
            command, stdout=log, stderr=errors, preexec_fn=_end_with_this_process()
        )
        try:
            # A signal may have arrived while the child was being started.
            for number in received:
                child.send_signal(number)
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
    if received:
        raise SystemExit(128 + received[0])
    return code


def _end_with_this_process() -> Callable[[], object] | None:
    """Return what a child has to do before it becomes the command."""
    if sys.platform != "linux":
        return None
    # Load the library here: another thread may hold a lock while the child is made.
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_SIGNAL_WHEN_THE_PARENT_ENDS, signal.SIGTERM)
