"""A disk that fills up: one line, what was there is whole, and the same command goes on."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from leoclr_plugin.checkpoints.reading import read_checkpoint
from tests.configs import small_config
from tests.conftest import run_leoclr
from tests.faults.record import scaled
from tests.faults.test_processes import same_weights
from tests.programs import forked_python
from tests.training.test_interruption import last, train

_ROOM = 64 << 20  # bytes, more than is needed


def _mount(*words: object) -> bool:
    command = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def disk(folder: Path) -> Iterator[Callable[[int], bool]]:
    """Mount an empty disk in a folder, and yield a function that sets its size in bytes."""
    folder.mkdir()
    if not _mount("mount", "-t", "tmpfs", "-o", f"mode=777,size={_ROOM}", "none", folder):
        pytest.skip("this user cannot mount a disk")
    try:
        yield lambda size: _mount("mount", "-o", f"remount,size={size}", folder)
    finally:
        assert _mount("umount", folder)


def used(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def rooms(folder: Path, number: int) -> list[int]:
    """Return random sizes of disks that are too small for what lies in the folder."""
    return np.random.default_rng(0).integers(4096, used(folder) - 4096, size=number).tolist()


def test_a_training(image_folder, tmp_path, case):
    row = case("processes", "disk full at random sizes in a training: checkpoint and metrics.csv")
    settings = ("+log_every_n_steps=1", "checkpoint.keep_prev=True")
    whole = train(0, "none", image_folder, tmp_path / "whole", *settings)
    assert whole.returncode == 0, whole.stderr[-3000:]
    expected = read_checkpoint(last(tmp_path / "whole"))
    for number, room in enumerate(rooms(tmp_path / "whole", scaled(20, 3))):
        out = tmp_path / f"{number}"
        with disk(out) as resize, row.trial(f"{room} bytes"):
            assert resize(room)
            full = train(0, "none", image_folder, out, *settings)
            assert full.returncode == 2, full.stderr[-3000:]
            line = full.stderr.splitlines()[-1]
            assert "No space left on device" in line or "enforce fail" in line, line
            for path in out.rglob("*.ckpt"):
                read_checkpoint(path)
            for path in out.rglob("metrics.csv"):
                with path.open(newline="") as file:
                    assert all(None not in row.values() for row in csv.DictReader(file))
            assert resize(_ROOM)
            again = train(0, "none", image_folder, out, *settings)
            assert again.returncode == 0, again.stderr[-3000:]
            same_weights(expected, read_checkpoint(last(out)))


def test_a_comparison(image_folder, tmp_path, case):
    row = case("processes", "disk full at random sizes in a comparison: its log and results")

    def compare(out: Path):
        return run_leoclr(
            *("compare", *small_config(image_folder), "method_kwargs.queue_size=64"),
            *("--methods", "leoclr,untrained", "--budget", "epochs=1", "--out", out / "out"),
            python=forked_python(),
        )

    def figures(out: Path) -> list[list[object]]:
        runs = json.loads((out / "out/results.json").read_text())["runs"]
        return [[one.get(name) for name in ("method", "knn_top1", "linear_top1")] for one in runs]

    whole = compare(tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr[-3000:]
    for number, room in enumerate(rooms(tmp_path / "whole", scaled(20, 3))):
        out = tmp_path / f"{number}"
        with disk(out) as resize, row.trial(f"{room} bytes"):
            assert resize(room)
            full = compare(out)
            # A step that failed is a row of the table, if there is room for the table.
            assert full.returncode in (0, 2), full.stderr[-3000:]
            assert "Traceback" not in full.stderr, full.stderr[-3000:]
            assert resize(_ROOM)
            again = compare(out)
            assert again.returncode == 0, again.stderr[-3000:]
            assert figures(out) == figures(tmp_path / "whole")
