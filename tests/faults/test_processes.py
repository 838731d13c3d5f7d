"""Processes that are killed: the same command goes on, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from leoclr_plugin.checkpoints.reading import read_checkpoint
from leoclr_plugin.compare import run
from leoclr_plugin.compare.run import Budget
from leoclr_plugin.compare.worker import written_by
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import alone_in, read_json, write_json
from tests.configs import small_config
from tests.faults.record import scaled
from tests.faults.test_writing import killed_at
from tests.training.test_interruption import STEPS_PER_EPOCH, differences, last, train

STEPS = 3 * STEPS_PER_EPOCH


def same_weights(first: dict, second: dict) -> None:
    for part in ("state_dict", "optimizer_states", "lr_schedulers"):
        assert differences(first[part], second[part]) == [], part


@pytest.mark.parametrize("event", ["SIGKILL", "SIGTERM"])
def test_a_training_is_killed(event, image_folder, tmp_path, case):
    row = case("processes", f"{event} at random steps of a training, up to three times in a run")
    whole = train(0, "none", image_folder, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr[-3000:]
    expected, rng = read_checkpoint(last(tmp_path / "whole")), np.random.default_rng(0)
    done, number = 0, scaled(50, 2)
    while done < number:
        root = tmp_path / f"{done}"
        for step in sorted(rng.integers(STEPS, size=int(rng.integers(1, 4))).tolist()):
            done += 1
            with row.trial(f"step {step}"):
                killed = train(step, event, image_folder, root)
                # Steps that the last checkpoint has already are not made again.
                assert killed.returncode in (-9, 143, 0), killed.stderr[-3000:]
                for checkpoint in root.rglob("*.ckpt"):
                    read_checkpoint(checkpoint)
        with row.trial("the same command"):
            again = train(0, "none", image_folder, root)
            assert again.returncode == 0, again.stderr[-3000:]
            same_weights(expected, read_checkpoint(last(root)))


def test_one_process_of_two_is_killed(image_folder, tmp_path, case):
    """The other one ends as well; the test's own limit of time is that of the suite."""
    row = case("processes", "kill -9 of one of two processes of a training")
    two = ("accelerator=cpu", "devices=2", "optimizer.batch_size=4", "data.val_path=null")
    for step in np.random.default_rng(0).permutation(STEPS)[: scaled(10, 1)].tolist():
        root = tmp_path / f"{step}"
        with row.trial(f"step {step}"):
            killed = train(step, "SIGKILL", image_folder, root, *two)
            assert killed.returncode != 0
            again = train(0, "none", image_folder, root, *two)
            assert again.returncode == 0, again.stderr[-3000:]
            assert read_checkpoint(last(root))["global_step"] == STEPS


def test_a_comparison_is_killed(image_folder, tmp_path, case, monkeypatch):
    """Its steps run in processes of their own; here a function stands for each."""
    row = case("processes", "kill -9 at random writes of a comparison")

    def step_of(command: list[str], log: object) -> int:
        step, folder, *leg = command[3:]
        figures = {"epochs": 1, "knn_top1": 50.0, "linear_top1": 60.0}
        write_json(Path(folder) / written_by(step, int(leg[0]) if leg else None), figures)
        return 0

    monkeypatch.setattr(run, "run_child", step_of)
    config, *overrides = small_config(image_folder)

    def compare(out: Path) -> None:
        run.compare(config, ["leoclr", "mocov2plus"], Budget(epochs=1), 2, out, overrides)

    compare(tmp_path / "whole")
    expected = read_json(tmp_path / "whole" / "results.json")
    calls = np.random.default_rng(0).integers(1, 120, size=scaled(50, 4)).tolist()
    killed = 0
    for number in calls:
        out = tmp_path / f"{number}"
        with row.trial(f"call {number}"):
            killed += killed_at(number, lambda out=out: compare(out))
            # A killed write leaves a hidden folder beside the file.
            for path in (*out.glob("*.json"), *out.glob("[!.]*/[!.]*.json")):
                read_json(path)
            compare(out)
            assert read_json(out / "results.json")["rows"] == expected["rows"]
    assert killed > len(calls) / 2


def test_two_comparisons_at_once(image_folder, tmp_path, case):
    row = case("processes", "two comparisons at once in one folder")
    config, *overrides = small_config(image_folder)
    with row.trial("second"), alone_in(tmp_path, "comparison"):
        with pytest.raises(UserError, match="another comparison is at work"):
            run.compare(config, ["leoclr"], Budget(epochs=1), 1, tmp_path, overrides)
        assert [path.name for path in tmp_path.iterdir()] == [".leoclr-lock"]
    with row.trial("after the first was killed"):
        child = os.fork()
        if child == 0:
            with alone_in(tmp_path, "comparison"):
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        with alone_in(tmp_path, "comparison"):
            pass


def test_two_trainings_at_once(image_folder, tmp_path, case):
    from concurrent.futures import ThreadPoolExecutor

    row = case("processes", "two trainings at once in one folder")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: train(0, "none", image_folder, tmp_path), range(2)))
    for number, one in enumerate(both):
        with row.trial(number):
            assert one.returncode == 0, one.stderr[-3000:]
    with row.trial("checkpoints"):
        first, second = (read_checkpoint(path) for path in sorted(tmp_path.rglob("*.ckpt"))[-2:])
        same_weights(first, second)


def test_the_clock_goes_backwards(image_folder, tmp_path, case):
    row = case("processes", "clock set back by an hour, a day, a year before a run is resumed")
    killed = train(8, "SIGTERM", image_folder, tmp_path)
    assert killed.returncode == 143, killed.stderr[-3000:]
    checkpoint = last(tmp_path)
    now = checkpoint.stat().st_mtime
    for hours in (1, 24, 365 * 24):
        os.utime(checkpoint, (now + 3600 * hours,) * 2)
        with row.trial(f"{hours} hours"):
            again = train(0, "none", image_folder, tmp_path, "+fast_dev_run=1")
            assert f"Resuming from {checkpoint}" in again.stdout, again.stderr[-1000:]
