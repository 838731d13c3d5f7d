"""A process that is asked to end also ends the process that it started."""

import os
import signal
import subprocess
import sys

import pytest

from leoclr_plugin.system.child import run_child
from tests.conftest import ROOT

# The child sends a signal to its parent and waits until the parent passes it on.
CHILD = """
import os, signal, sys
def handle(number, frame):
    print("ended by", number, flush=True)
    sys.exit(128 + number)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, handle)
os.kill(os.getppid(), int(sys.argv[1]))
signal.pause()
"""
PARENT = """
import sys
from leoclr_plugin.system.child import run_child
with open(sys.argv[1], "w") as log:
    run_child([sys.executable, "-c", sys.argv[2], sys.argv[3]], log)
print("continued")
"""
PARENT_WITHOUT_LOG = """
import sys
from leoclr_plugin.system.child import run_child
run_child([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


@pytest.mark.parametrize("number", [10, 15])
def test_signal_is_passed_on_and_ends_the_parent_too(tmp_path, number):
    log = tmp_path / "log.txt"
    run = subprocess.run(
        [sys.executable, "-c", PARENT, log, CHILD, str(number)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stdout, run.stderr) == (128 + number, "", "")
    assert log.read_text() == f"ended by {number}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only tells the child")
def test_a_child_ends_when_its_parent_is_killed():
    run = subprocess.run(
        [sys.executable, "-c", PARENT_WITHOUT_LOG, CHILD, str(signal.SIGKILL.value)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # The output is complete when the child, which has it too, has ended.
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, f"ended by {signal.SIGTERM.value}\n")


@pytest.mark.parametrize(("code", "exit_code"), [("exit(3)", 3), ("import os; os.abort()", -6)])
def test_exit_code_of_the_child_is_returned(tmp_path, code, exit_code):
    with (tmp_path / "log.txt").open("w") as log:
        assert run_child([sys.executable, "-c", code], log) == exit_code
