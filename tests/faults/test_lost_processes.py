"""A process of two that never starts, and one that is killed: the other stops and says why."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from tests.configs import small_config
from tests.faults.record import scaled
from tests.programs import ROOT, forked_python
from tests.training.test_interruption import train
from tests.training.test_processes import TWO


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_never_starts(rank, image_folder, tmp_path, case):
    row = case("processes", f"process {1 - rank} of two never starts, the other waits 5 seconds")
    command = [forked_python(), "-m", "tests.training.alone", f"{rank}"]
    config = [*small_config(image_folder), *TWO, f"checkpoint.dir={tmp_path}", "max_epochs=1"]
    for trial in range(scaled(5, 1)):
        with row.trial(trial), socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            alone = subprocess.run(
                [*command, f"{port}", "5", *config],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert alone.returncode == 2, alone.stderr[-3000:]
            line = alone.stderr.splitlines()[-1]
            assert "another process of this training did not start: " in line
            assert not list(tmp_path.rglob("*.ckpt"))


def test_the_other_process_says_why_it_ends(image_folder, tmp_path, case):
    row = case("processes", "the other process says why, kill -9 of one of two")
    for step in range(scaled(5, 1)):
        with row.trial(step):
            killed = train(step, "SIGKILL", image_folder, tmp_path / f"{step}", *TWO)
            assert killed.returncode != 0
            assert "another process of this training has ended or does not an" in killed.stderr
