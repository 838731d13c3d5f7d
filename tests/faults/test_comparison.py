"""A comparison is killed, or one of its steps: the same command ends with the whole table."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from leoclr_plugin.compare import run
from leoclr_plugin.compare.run import Budget
from leoclr_plugin.system.files import read_json
from tests.configs import small_config
from tests.faults.record import scaled
from tests.programs import forked_python

FIGURES = ("method", "epochs", "knn_top1", "linear_top1")


def compare(image_folder: Path, out: Path) -> list[list[object]]:
    """Compare three rows and return their figures that do not depend on the machine."""
    config, *overrides = small_config(image_folder)
    overrides += ["method_kwargs.queue_size=64", "+enable_progress_bar=False"]
    methods = ["leoclr", "mocov2plus", "untrained"]
    content = run.compare(config, methods, Budget(epochs=2), 1, out, overrides)
    return [[one.get(name) for name in FIGURES] for one in content["runs"]]


def test_a_step_is_killed(image_folder, tmp_path, case, monkeypatch):
    row = case("processes", "kill -9 at random moments of the steps of a comparison")
    real, limits = run.run_child, []

    def timed(command: list[str], log: object) -> int:
        limit = limits.pop() if limits else 0
        return real([forked_python(), "-m", "tests.faults.timed", f"{limit}", *command[2:]], log)

    monkeypatch.setattr(run, "run_child", timed)
    expected = compare(image_folder, tmp_path / "whole")
    logs = [path.read_text() for path in (tmp_path / "whole").glob("*/log.txt")]
    longest = max(float(log.split()[-1]) for log in logs)
    rng, done, number, killed = np.random.default_rng(0), 0, scaled(50, 5), 0
    while done < number:
        out, again = tmp_path / f"{done}", 0
        # Each of the five steps of a comparison is killed at most once.
        limits = rng.uniform(0.01, longest, size=5).tolist()
        done += len(limits)
        while limits:
            killed += sum(one[2] is None for one in compare(image_folder, out))
            again += 1
            assert again <= 6
        for moment in range(5):
            with row.trial(f"comparison {out.name}, {moment}"):
                assert compare(image_folder, out) == expected
    assert killed > number / 3


def test_a_comparison_is_killed(image_folder, tmp_path, case, monkeypatch):
    row = case("processes", "kill -9 at random moments of a comparison")
    monkeypatch.setattr(run.sys, "executable", forked_python())
    start = time.monotonic()
    expected = compare(image_folder, tmp_path / "whole")
    longest, number, killed = time.monotonic() - start, scaled(50, 3), 0
    for trial, seconds in enumerate(np.random.default_rng(0).uniform(0.01, longest, size=number)):
        out = tmp_path / f"{trial}"
        child = os.fork()
        if child == 0:
            # Without a handler this signal ends a process as abruptly as SIGKILL does.
            signal.setitimer(signal.ITIMER_REAL, seconds)
            compare(image_folder, out)
            os._exit(0)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
        with row.trial(f"{seconds:.1f} s"):
            for path in out.glob("*/*.json"):
                read_json(path)
            assert compare(image_folder, out) == expected
    assert killed > number / 2
