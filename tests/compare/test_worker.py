"""Test the durations of training steps and the figures that are computed from them."""

import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf

from leoclr_plugin.compare import worker
from leoclr_plugin.compare.work import WorkPerStep
from leoclr_plugin.compare.worker import StepTimes
from tests.configs import method_cfg


@pytest.fixture
def clock(monkeypatch):
    now = [5000.0]
    monkeypatch.setattr(worker.time, "perf_counter", lambda: now[0])
    return now


def run_steps(times, clock, batches, seconds):
    """Let each batch take ``seconds`` on the fake clock."""
    for batch_idx in batches:
        clock[0] += seconds
        times.on_train_batch_end(None, None, None, None, batch_idx)


def test_resumed_run_keeps_earlier_durations_and_ignores_the_break(clock):
    first = StepTimes()
    first.on_train_epoch_start(None, None)
    run_steps(first, clock, range(5), 2.0)
    assert first.seconds == [2.0, 2.0, 2.0]
    clock[0] += 1000

    resumed = StepTimes()
    resumed.load_state_dict(first.state_dict())
    run_steps(resumed, clock, range(5, 8), 3.0)
    assert resumed.seconds == [2.0, 2.0, 2.0, 3.0]
    clock[0] += 1000
    resumed.on_train_epoch_start(None, None)
    run_steps(resumed, clock, range(4), 4.0)
    assert resumed.seconds == [2.0, 2.0, 2.0, 3.0, 4.0, 4.0]


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """Configurations of the trainings. Their steps take one, nine and two seconds."""
    done = []

    def pretrain(cfg, callbacks):
        times, *others = callbacks
        counted = others[0] if others else WorkPerStep()
        counted.units = 5.0
        done.append(cfg.copy())
        done[-1].stops = [stop.epochs for stop in others[1:]]
        times.seconds += [1.0, 9.0, 2.0]
        folder = tmp_path / cfg.checkpoint.dir / f"run{len(done)}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text("epoch,val_acc1\n0,30.5\n")
        (folder / "args.json").write_text(json.dumps(OmegaConf.to_container(cfg)))
        state = {callback.state_key: callback.state_dict() for callback in (times, counted)}
        torch.save({"state_dict": {}, "callbacks": state}, folder / "ep=6.ckpt")
        return folder

    monkeypatch.setattr(worker, "pretrain", pretrain)
    return done


@pytest.fixture
def folder(tmp_path):
    """Folder of a run with two processes, batches of 8 and 170 images: ten steps per epoch."""
    cfg = method_cfg(optimizer__batch_size=8, devices=[0, 1], images=170, max_epochs=7)
    cfg.checkpoint, cfg.auto_resume = {"enabled": True, "dir": "runs"}, {"enabled": True}
    OmegaConf.save(cfg, tmp_path / "config.yaml")
    return tmp_path


@pytest.mark.parametrize(("minutes", "epochs"), [(1, 3), (2.5, 7), (0.01, 1)])
def test_minutes_become_the_number_of_whole_epochs_that_fit(folder, trainings, minutes, epochs):
    (folder / "budget.json").write_text(json.dumps({"minutes": minutes}))
    worker.run("trial", folder)
    # The median step takes 2 seconds, so an epoch takes 20.
    assert json.loads((folder / "trial.json").read_text())["epochs"] == epochs
    (trial,) = trainings
    assert (trial.max_epochs, trial.limit_train_batches) == (1, 12)
    # The trial is not part of the run and leaves nothing in its folder.
    assert not trial.checkpoint.enabled
    assert not trial.auto_resume.enabled
    assert trial.data.val_path is None
    assert not Path(trial.checkpoint.dir).exists()
    assert not (folder / "runs").exists()


def test_speed_is_computed_from_the_median_step_of_all_processes(folder, trainings):
    worker.run("train", folder)
    record = json.loads((folder / "training.json").read_text())
    assert 100 < record.pop("peak_memory_mib") < 100_000
    assert record == {
        "checkpoint": str(folder / "runs" / "run1"),
        "epochs": 7,
        "steps_per_epoch": 10,
        "work_per_step": 5.0,
        "seconds_per_epoch": 20.0,
        "images_per_second": 8.0,
        "curve": [[1.0, 30.5]],
    }


def test_a_leg_stops_on_its_way_and_has_a_record_of_its_own(folder, trainings):
    worker.run("train", folder, 3)
    worker.run("train", folder)
    first, last = trainings
    # The schedules of both go to the last epoch.
    assert (first.max_epochs, last.max_epochs) == (7, 7)
    assert (list(first.stops), list(last.stops)) == ([3], [])
    records = [json.loads((folder / f"training{leg}.json").read_text()) for leg in ("-3", "")]
    assert [record["epochs"] for record in records] == [3, 7]


def test_only_the_first_process_writes(folder, trainings, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    (folder / "budget.json").write_text('{"minutes": 1}')
    worker.run("trial", folder)
    worker.run("train", folder)
    assert len(trainings) == 2
    assert not list(folder.glob("t*.json"))
