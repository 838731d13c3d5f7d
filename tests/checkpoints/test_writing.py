"""A checkpoint is written completely or not at all, also on a full disk."""

import subprocess

import pytest
import torch

from leoclr_plugin.checkpoints.writing import AtomicCheckpointIO
from leoclr_plugin.errors import UserError
from tests.configs import small_config
from tests.conftest import available_hosts, run_leoclr
from tests.programs import forked_python

# This program cannot write files of more than one MiB, as if the disk were full.
FULL_DISK_PROGRAM = """
import signal, sys, resource, torch
from pathlib import Path
from leoclr_plugin.errors import UserError
from leoclr_plugin.checkpoints.writing import AtomicCheckpointIO
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
folder = Path(sys.argv[1])
io = AtomicCheckpointIO()
io.save_checkpoint({"x": torch.zeros(10)}, folder / "ep=0.ckpt")
try:
    io.save_checkpoint({"x": torch.zeros(2**20)}, folder / "ep=1.ckpt")
except UserError as error:
    print(error)
"""


def test_full_disk_leaves_only_the_last_good_checkpoint(tmp_path):
    program, folder = tmp_path / "program.py", tmp_path / "run"
    program.write_text(FULL_DISK_PROGRAM)
    command = [forked_python(), program, folder]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = run.stdout.splitlines()
    assert line.startswith(f"the checkpoint {folder}/ep=1.ckpt cannot be written: ")
    assert f"the last good checkpoint is {folder}/ep=0.ckpt; free some space" in line
    assert [path.name for path in folder.iterdir()] == ["ep=0.ckpt"]
    assert torch.equal(torch.load(folder / "ep=0.ckpt")["x"], torch.zeros(10))


def test_checkpoint_gets_its_name_once_it_is_on_the_disk(tmp_path, monkeypatch):
    path = tmp_path / "run" / "ep=3.ckpt"
    files_at_sync = []

    def fsync(descriptor):
        files_at_sync.append([entry.name for entry in path.parent.iterdir()])
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(UserError, match="Input/output error; there is no earlier checkpoint"):
        AtomicCheckpointIO().save_checkpoint({"x": 1}, path)
    assert files_at_sync == [["ep=3.ckpt.part"]]
    assert list(path.parent.iterdir()) == []


def test_resumed_checkpoint_is_the_first_last_good_one(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.save", lambda *args: (_ for _ in ()).throw(OSError("no space")))
    io = AtomicCheckpointIO(tmp_path / "earlier.ckpt")
    with pytest.raises(UserError, match=f"the last good checkpoint is {tmp_path}/earlier.ckpt"):
        io.save_checkpoint({}, tmp_path / "ep=0.ckpt")


@pytest.mark.skipif("solo-learn" not in available_hosts(), reason="only solo-learn has simsiam")
def test_schedule_with_a_constant_rate_puts_no_code_into_the_checkpoint(image_folder, tmp_path):
    run = run_leoclr(
        *("pretrain", *small_config(image_folder), "method=simsiam", "max_epochs=1"),
        *("augmentations.1.rrc.enabled=True", "+method_kwargs.pred_hidden_dim=16"),
        f"checkpoint.dir={tmp_path}",
        host="solo-learn",
    )
    assert run.returncode == 0, run.stderr[-2000:]
    (path,) = tmp_path.rglob("*.ckpt")
    assert torch.load(path, weights_only=True)["global_step"] == 5
