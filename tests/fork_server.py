"""Run programs as Python does, without the seconds that the imports of torch take.

usage: python -m tests.fork_server LISTENER PYTHON

This process imports the large packages of others once. For each connection to the socket with the
number ``LISTENER`` it forks a program: ``-m MODULE`` or a script, and its arguments. Nothing of
this project is imported here, so each program imports all of that by itself. ``PYTHON`` is
the program that connects, which tests/fork_client.py is. It is the Python that programs start too.
"""

import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

import lightning.pytorch  # noqa: F401
import numpy as np
import sklearn.linear_model  # noqa: F401
import timm  # noqa: F401


def serve(listener: socket.socket) -> None:
    """Fork for each connection until the tests have ended, which closes stdin."""
    # Without this a fork that ends would copy all the memory that it shares with this process.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                attend(connection)
                return


def attend(connection: socket.socket) -> None:
    """Run the program in a fork of this process, and tell the client its number and exit code."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(connection.makefile().readline())
    program = os.fork()
    if program == 0:
        connection.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        become(**request)
        return
    for file in (0, 1, 2, *files):
        os.close(file)
    connection.sendall(f"{program}\n".encode())
    exit_code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    connection.sendall(f"{exit_code}\n".encode())
    os._exit(0)


def become(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """Run a program in this process."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    # All forks would draw the same numbers, and name their runs alike.
    random.seed()
    np.random.seed()
    # As Python does when it starts.
    for folder in env.get("PYTHONPATH", "").split(os.pathsep):
        site = Path(folder, "sitecustomize.py")
        if site.is_file():
            runpy.run_path(str(site))
            break
    if argv[0] == "-u":  # torchrun asks for output without a buffer, which has no effect here.
        argv = argv[1:]
    if argv[0] == "-m":
        sys.argv, sys.path[0] = argv[1:], cwd
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = argv, str(Path(cwd, argv[0]).parent)
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    sys.executable = sys.argv[2]
    serve(socket.socket(fileno=int(sys.argv[1])))
