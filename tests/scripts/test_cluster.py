"""The scripts for several nodes, with processes on the CPU in place of GPUs."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.configs import small_config
from tests.conftest import ROOT

CLUSTER = ROOT / "scripts" / "cluster"

# Starts the command once for each task, with the variables that SLURM's srun gives it.
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
        # torchrun and python of this environment.
        path = [str(tmp_path / "bin"), str(Path(sys.executable).parent), environment["PATH"]]
        environment["PATH"] = ":".join(path)
        return subprocess.Popen(
            ["bash", CLUSTER / script, *small_config(image_folder), *settings, *overrides],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def the_checkpoint(root):
    (path,) = root.glob("trained_models/leoclr/*/*.ckpt")
    return torch.load(path, weights_only=True)


def port() -> str:
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
    # 40 images, two processes, batches of 4.
    assert the_checkpoint(tmp_path)["global_step"] == 5
    assert [out.count("Written to") for out, _ in outputs] == [1, 0]


def slurm(tmp_path, tasks: int) -> dict[str, str]:
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
    assert the_checkpoint(tmp_path)["global_step"] == 5
    assert "requeue" not in out


def test_a_preempted_slurm_job_is_queued_again_and_goes_on(start, tmp_path):
    # A task that gets the signal: what leaves with 138 is in tests/training/test_interruption.py.
    variables = slurm(tmp_path, 1)
    (tmp_path / "bin" / "srun").write_text("#!/bin/sh\nexit 138\n")
    run = start("slurm.sh", **variables)
    out, _ = run.communicate()
    assert run.returncode == 138
    assert out.strip() == f"scontrol requeue {variables['SLURM_JOB_ID']}"
