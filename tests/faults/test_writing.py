"""Kill a process at every boundary of a write: what was there before is whole."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint
from leoclr_plugin.checkpoints.writing import AtomicCheckpointIO
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import read_json, write_json
from leoclr_plugin.training.resume import _newest
from tests.conftest import full_disk
from tests.runs import run_folder

_CALLS = ("open", "write", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir")


def killed_at(number: int, act: Callable[[], None]) -> bool:
    """Do ``act`` in a child that kills itself before its ``number``-th call that changes files.

    Returns:
        Whether the child was killed; it ended by itself if it has fewer calls.
    """
    child = os.fork()
    if child == 0:
        _count_calls(number)
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    return False


def _count_calls(number: int) -> None:
    left = [number]

    def counted(call):
        def instead(*args, **kwargs):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return call(*args, **kwargs)

        return instead

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name)))
    original = Path.open

    def opened(path, *args, **kwargs):
        file = counted(original)(path, *args, **kwargs)
        return file if file.readable() else Counted(file, counted)

    Path.open = opened


class Counted:
    """A file whose writes are counted; half of the bytes of the last one are written."""

    def __init__(self, file, counted) -> None:
        self._file = file
        self.write = counted(file.write)
        self.flush = counted(file.flush)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_checkpoints(tmp_path, case):
    row = case("processes", "kill -9 before every write of a checkpoint")
    first, second = tmp_path / "run" / "a-ep=0.ckpt", tmp_path / "run" / "a-ep=1.ckpt"
    number, was_killed = 0, True
    while was_killed:
        for path in (tmp_path / "run").glob("*"):
            path.unlink()
        writer = AtomicCheckpointIO()
        writer.save_checkpoint({"state_dict": {"x": torch.zeros(300)}}, first)

        def write(writer=writer):
            writer.save_checkpoint({"state_dict": {"x": torch.ones(300)}}, second)

        was_killed = killed_at(number, write)
        with row.trial(f"call {number}"):
            newest = read_checkpoint(_newest(tmp_path / "run"))["state_dict"]["x"]
            assert newest.unique().tolist() in ([0], [1])
            assert read_checkpoint(first)["state_dict"]["x"].sum() == 0
            # The next training goes on: it can write the same checkpoint.
            write()
            assert read_checkpoint(second)["state_dict"]["x"].sum() == 300
        number += 1
    assert number > 10


def test_results(tmp_path, case):
    row = case("processes", "kill -9 before every write of results")
    path, number, was_killed = tmp_path / "results.json", 0, True
    while was_killed:
        write_json(path, {"top1": 1})
        was_killed = killed_at(number, lambda: write_json(path, {"top1": 2}))
        with row.trial(f"call {number}"):
            assert read_json(path) in ({"top1": 1}, {"top1": 2})
            write_json(path, {"top1": 3})
            assert read_json(path) == {"top1": 3}
        number += 1
    assert number > 3


def test_a_full_disk(tmp_path, case):
    row = case("processes", "disk full in a checkpoint and in results")
    results, checkpoint = tmp_path / "results.json", tmp_path / "a-ep=0.ckpt"
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"state_dict": {"x": torch.zeros(9)}}, checkpoint)
    write_json(results, {"top1": 1})
    for room in (0, 1, 10, 100, 1000, 4000):
        with row.trial(f"checkpoint, room for {room} bytes"):
            with full_disk(room), pytest.raises(UserError, match="the last good checkpoint is"):
                state = {"state_dict": {"x": torch.zeros(9000)}}
                writer.save_checkpoint(state, tmp_path / "a-ep=1.ckpt")
            assert read_checkpoint(checkpoint)["state_dict"]["x"].sum() == 0
        with row.trial(f"results, room for {room} bytes"):
            with full_disk(room), pytest.raises(UserError, match="File too large"):
                write_json(results, {"names": ["x" * 100] * 100})
            assert json.loads(results.read_text()) == {"top1": 1}
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a-ep=0.ckpt", "results.json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into every folder")
def test_a_folder_made_read_only_meanwhile(tmp_path, case):
    row = case("processes", "folder made read-only meanwhile")
    folder = tmp_path / "run"
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"state_dict": {"x": torch.zeros(9)}}, folder / "a-ep=0.ckpt")
    folder.chmod(0o500)
    with row.trial("checkpoint"), pytest.raises(UserError, match="the last good checkpoint is"):
        writer.save_checkpoint({}, folder / "a-ep=1.ckpt")
    with row.trial("results"), pytest.raises(UserError, match="Permission denied"):
        write_json(folder / "results.json", {})
    folder.chmod(0o700)


def test_weights_that_are_not_finite(tmp_path, case):
    row = case("files", "weights that are not finite, in tensors of the backbone")
    run = run_folder(tmp_path / "run")
    content = torch.load(run.checkpoint, weights_only=True)
    names = [
        name
        for name, value in content["state_dict"].items()
        if name.startswith("backbone.") and value.is_floating_point()
    ]
    for number, name in enumerate(names[::6]):
        whole = content["state_dict"][name]
        damaged = whole.clone()
        damaged.view(-1)[-1] = (float("nan"), float("inf"), -float("inf"))[number % 3]
        torch.save({"state_dict": {**content["state_dict"], name: damaged}}, run.checkpoint)
        with row.trial(name), pytest.raises(UserError, match="finite"):
            CheckpointFolder.open(run.folder).load_method()
