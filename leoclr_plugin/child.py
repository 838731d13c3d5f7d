"""A command that does not outlive the process that started it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any, TextIO

from leoclr_plugin.training.interruption import leaving_signals


def run_child(command: Sequence[str], log: TextIO | None = None) -> int:
    """Run a command to its end, and pass on what makes this process leave.

    A child left behind would go on writing into its folder, beside the one that the same call
    starts there when it is given again.

    Args:
        command: program and arguments.
        log: where its output goes, by default where ours does.

    Returns:
        Its exit code; below 0 of a signal that ended it.

    Raises:
        SystemExit: with 128 and the signal's number, after a SIGTERM or SIGUSR1 to this process
            and when the child, which got it too, has left.
    """
    child: subprocess.Popen[bytes] | None = None
    got: list[int] = []

    def pass_on(number: int, frame: Any) -> None:
        got.append(number)
        if child is not None:
            child.send_signal(number)

    with leaving_signals(pass_on):
        errors = None if log is None else subprocess.STDOUT
        child = subprocess.Popen(command, stdout=log, stderr=errors)
        try:
            for number in got:  # came while it was started
                child.send_signal(number)
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
    if got:
        raise SystemExit(128 + got[0])
    return code
