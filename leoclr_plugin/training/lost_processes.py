"""How long the processes of a training wait for one another, and what they say about a lost one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from torch.distributed import DistError

from leoclr_plugin.errors import UserError

# A process may decode all of its images before it meets the others, which can take many minutes.
WAIT = timedelta(minutes=30)
# What torch says of a process that never came, and gloo of one that has ended or is silent.
_NEVER_CAME = re.compile(r"clients joined|while trying to connect")
_GONE = re.compile(r"Connection \w+ by peer(?: \[\S+)?|Timed out waiting \S+ for \w+ operation")


@contextmanager
def naming_lost_processes() -> Iterator[None]:
    """Turn the errors of a training in the block that lost one of its processes into a line.

    Raises:
        UserError: if another process did not start, has ended or does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        first_line = str(error).partition("\n")[0]
        gone = _GONE.search(first_line)
        if isinstance(error, DistError) and _NEVER_CAME.search(first_line):
            raise UserError(
                f"another process of this training did not start: {first_line.rstrip('.')}; see "
                "whether it printed an error, and start all processes again"
            ) from error
        if gone:
            raise UserError(
                "another process of this training has ended or does not answer: "
                f"{gone.group().rstrip('.')}; see its own error, and continue with "
                "auto_resume.enabled=True"
            ) from error
        raise
