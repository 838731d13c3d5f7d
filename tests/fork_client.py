"""Let the fork server run a program with the files of this process, and end as the program does.

tests/programs.py makes an executable of this file, beside the server's socket.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

connection = socket.socket(socket.AF_UNIX)
connection.connect(str(Path(__file__).with_name("socket")))
socket.send_fds(connection, [b"\n"], [0, 1, 2])
request = {"argv": sys.argv[1:], "cwd": str(Path.cwd()), "env": dict(os.environ)}
answers = connection.makefile("rw")
print(json.dumps(request), file=answers, flush=True)
program = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda number, frame: os.kill(program, number))
exit_code = int(answers.readline())
if exit_code < 0:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), -exit_code)
sys.exit(exit_code)
