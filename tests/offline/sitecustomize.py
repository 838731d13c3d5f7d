"""Refuse the network to a program, and write down what it tried.

Python imports this file when it starts if the folder is on PYTHONPATH; ``tests.network`` puts it
there. It is a hook of the interpreter, which no library goes around in Python. Connections of the
machine with itself, which the processes of a training use, are allowed.
"""

import errno
import os
import sys
import traceback

_OWN = ("localhost", "127.0.0.1", "::1", "", None)


def _refuse(event: str, args: tuple) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        # The address of a Unix socket is a path.
        address = args[1] if isinstance(args[1], tuple) else _OWN
        host = address[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host in _OWN:
        return
    with open(os.environ["LEOCLR_TEST_NETWORK_LOG"], "a") as log:  # noqa: PTH123
        caller = "".join(traceback.format_stack(limit=12)[:-1])
        log.write(f"{event} {host} in {sys.argv}\n{caller}\n")
    raise OSError(errno.ENETUNREACH, "the test allows no network")


sys.addaudithook(_refuse)
