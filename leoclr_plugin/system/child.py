"""Run a command that ends when the process that started it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any, TextIO

from leoclr_plugin.system.signals import leaving_signals


def run_child(command: Sequence[str], log: TextIO | None = None) -> int:
    """Run a command, wait for its end, and pass on the signals that ask this process to end.

    A child that outlived this process would keep writing into its folder. When the user repeats
    the call, a second child would write into the same folder.

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
        child = subprocess.Popen(command, stdout=log, stderr=errors)
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
