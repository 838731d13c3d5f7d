"""Test the scripts for several nodes, with processes on the CPU instead of GPUs."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.configs import small_config
from tests.programs import ROOT, forked_python

CLUSTER = ROOT / "scripts" / "cluster"

# This script stands in for SLURM's srun: it starts the command once for each task, with the
# environment variables that srun sets.
SRUN = """#!{python}
import os, subprocess, sys
command = sys.argv[2:]
tasks = int(os.environ["SLURM_NTASKS"])
processes = [
    subprocess.Popen(command, env={{**os.environ, "SLURM_PROCID": str(i), "SLURM_LOCALID": "0",
                                    "SLURM_NODEID": str(i)}})
    for i in range(tasks)
]
sys.exit(max(process.wait() % 256 for process in processes))
"""


@pytest.fixture
def start(image_folder, tmp_path):
    def start(script: str, *overrides: str, **variables: str) -> subprocess.Popen:
        settings = ["accelerator=cpu", "max_epochs=1", "method_kwargs.queue_size=64"]
        environment = {**os.environ, **variables, "OMP_NUM_THREADS": "1"}
        # The scripts must find torchrun and python of this environment, and the fake srun.
        python = forked_python()
        folders = [tmp_path / "bin", Path(python).parent, Path(sys.executable).parent]
        environment["PATH"] = ":".join([*map(str, folders), environment["PATH"]])
        environment["PYTHON_EXEC"] = python  # torchrun starts this.
        return subprocess.Popen(
            ["bash", CLUSTER / script, *small_config(image_folder), *settings, *overrides],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def only_checkpoint(root):
    """Load the checkpoint of the only run under ``root``."""
    (path,) = root.glob("trained_models/leoclr/*/*.ckpt")
    return torch.load(path, weights_only=True)


def port() -> str:
    """Return the number of a free port."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return str(free.getsockname()[1])


def test_torchrun_on_two_nodes(start, tmp_path):
    common = {"NODES": "2", "GPUS": "1", "PORT": port()}
    nodes = [
        start("torchrun.sh", "optimizer.batch_size=4", NODE_RANK=str(i), **common) for i in (0, 1)
    ]
    outputs = [node.communicate() for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], outputs[0][1][-3000:]
    # Two processes with batches of 4 need five steps for 40 images.
    assert only_checkpoint(tmp_path)["global_step"] == 5
    assert [out.count("Written to") for out, _ in outputs] == [1, 0]


def slurm(tmp_path, tasks: int) -> dict[str, str]:
    """Write scripts that stand in for SLURM and return the variables of a job."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "srun").write_text(SRUN.format(python=sys.executable))
    (folder / "scontrol").write_text('#!/bin/sh\necho "scontrol $*"\n')
    for name in ("srun", "scontrol"):
        (folder / name).chmod(0o755)
    return {
        "SLURM_JOB_ID": port(),
        "SLURM_JOB_NAME": "leoclr",
        "SLURM_NTASKS": str(tasks),
        "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_JOB_NUM_NODES": str(tasks),
        "SLURM_NODELIST": "localhost",
        "SLURM_JOB_NODELIST": "localhost",
    }


def test_slurm_on_two_nodes(start, tmp_path):
    run = start("slurm.sh", "optimizer.batch_size=4", **slurm(tmp_path, 2))
    out, err = run.communicate()
    assert run.returncode == 0, err[-3000:]
    assert only_checkpoint(tmp_path)["global_step"] == 5
    assert "requeue" not in out


def test_preempted_slurm_job_is_queued_again(start, tmp_path):
    # This srun exits with 138, as a training does after SIGUSR1. That a training exits like this
    # and can be resumed is tested in tests/training/test_interruption.py.
    variables = slurm(tmp_path, 1)
    (tmp_path / "bin" / "srun").write_text("#!/bin/sh\nexit 138\n")
    run = start("slurm.sh", **variables)
    out, _ = run.communicate()
    assert run.returncode == 138
    assert out.strip() == f"scontrol requeue {variables['SLURM_JOB_ID']}"
