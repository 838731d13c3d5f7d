"""What a process that is told to leave does with the one that it started."""

import os
import subprocess
import sys

import pytest

from leoclr_plugin.child import run_child
from tests.conftest import ROOT

# Tells its parent to leave, and waits for its word to do so too.
CHILD = """
import os, signal, sys
def leave(number, frame):
    print("left by", number, flush=True)
    sys.exit(128 + number)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, leave)
os.kill(os.getppid(), int(sys.argv[1]))
signal.pause()
"""
PARENT = """
import sys
from leoclr_plugin.child import run_child
with open(sys.argv[1], "w") as log:
    run_child([sys.executable, "-c", sys.argv[2], sys.argv[3]], log)
print("went on")
"""


@pytest.mark.parametrize("number", [10, 15])
def test_a_signal_is_the_childs_too_and_nothing_comes_after_it(tmp_path, number):
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
    assert log.read_text() == f"left by {number}\n"


@pytest.mark.parametrize(("code", "wanted"), [("exit(3)", 3), ("import os; os.abort()", -6)])
def test_a_child_that_ends_by_itself_gives_its_code(tmp_path, code, wanted):
    with (tmp_path / "log.txt").open("w") as log:
        assert run_child([sys.executable, "-c", code], log) == wanted
