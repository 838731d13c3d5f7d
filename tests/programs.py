"""A Python for programs that the tests run in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
_running: list[object] = []


@cache
def forked_python() -> str:
    """Return an executable that runs a module (``-m``) or a script as Python does, but faster.

    It forks a process that has imported torch already. Python and torch read some variables when
    they start, and a test of these has to start ``sys.executable`` instead.
    """
    folder = TemporaryDirectory()
    client = Path(folder.name) / "python"
    # Python starts faster without the packages of the environment.
    source = Path(__file__).with_name("fork_client.py").read_text()
    client.write_text(f"#!{sys.executable} -IS\n{source}")
    client.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder.name}/socket")
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(listener.fileno()), client],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            # Programs have pipes for their output, which Python treats in another way than files.
            stdout=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
    _running.extend((folder, server))
    return str(client)
