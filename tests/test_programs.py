"""The Python that forks runs programs as a new Python does."""

import os
import signal
import subprocess
import sys

import pytest

from tests.programs import forked_python

PROGRAM = """
import os, sys
print(__name__, sys.argv, sys.path[0], os.getcwd(), os.environ["WORD"], sys.stdin.read())
print("an error", file=sys.stderr)
{end}
"""
ENDS = ["", "sys.exit(7)", "sys.exit('broken')", "1 / 0"]
ENDS += [f"os.kill(os.getpid(), {int(number)})" for number in (signal.SIGTERM, signal.SIGKILL)]
WAITS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(3))
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("words", [["program.py"], ["-m", "program"]])
@pytest.mark.parametrize("end", ENDS)
def test_programs_have_the_same_surroundings_and_end_alike(tmp_path, words, end):
    (tmp_path / "program.py").write_text(PROGRAM.format(end=end))
    new, forked = (
        subprocess.run(
            [python, *words, "a", "--b"],
            cwd=tmp_path,
            env={**os.environ, "WORD": "\u00fc"},
            input="in",
            capture_output=True,
            text=True,
            check=False,
        )
        for python in (sys.executable, forked_python())
    )
    assert forked.stdout == new.stdout
    assert forked.returncode == new.returncode
    assert forked.stderr.splitlines()[-1] == new.stderr.splitlines()[-1]


def test_a_signal_reaches_the_program(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(WAITS)
    command = [forked_python(), program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 3
