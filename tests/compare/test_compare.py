"""Test a whole comparison, with each run in its own process, as a user sees it."""

import csv
import json
import re

import pytest

from leoclr_plugin.evaluation.protocol import RATES
from tests.configs import small_config
from tests.conftest import run_leoclr


@pytest.fixture
def compare(image_folder, tmp_path):
    def run(*args, host="bundled"):
        return run_leoclr(
            *("compare", *small_config(image_folder)),
            *("--out", tmp_path / "out", *args),
            host=host,
        )

    return run


def results(tmp_path):
    return json.loads((tmp_path / "out" / "results.json").read_text())


def test_failed_method_is_a_row_and_finished_steps_are_not_repeated(compare, tmp_path):
    out = tmp_path / "out"
    # simclr fails because the bundled host has no recipe for it.
    run = compare("--methods", "leoclr,simclr,untrained", "--budget", "epochs=2", "--seeds", 2)
    assert run.returncode == 0, run.stderr[-3000:]
    content = results(tmp_path)
    by_name = {row[0]: row for row in content["rows"]}
    assert list(by_name) == ["leoclr", "simclr", "untrained"]
    assert by_name["simclr"][1] == "failed"
    assert any("simclr, seed 1, failed: there is no recipe" in line for line in content["foot"])
    for name in ("leoclr-0", "untrained-1"):
        assert f"tail -f {out / name / 'log.txt'}" in run.stderr
        assert (out / name / "log.txt").is_file()
    *measured, epochs, work = by_name["leoclr"][1:]
    for cell in measured:
        assert re.fullmatch(r"\d+(\.\d+)? ± \d+(\.\d+)?", cell)
    assert (epochs, work) == ("2", "5.0")
    (run_of_seed_1,) = (r for r in content["runs"] if (r["method"], r["seed"]) == ("leoclr", 1))
    assert [epoch for epoch, _ in run_of_seed_1["curve"]] == [1, 2]
    assert 0 <= run_of_seed_1["knn_top1"] <= 100
    assert run_of_seed_1["linear_lr"] in RATES
    assert run_of_seed_1["peak_memory_mib"] > 100
    with (out / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6
    report = (out / "report.html").read_text()
    assert "<polyline" in report
    assert not re.search(r"(src|href)=.http", report)

    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")}
    assert len(stamps) == 4
    (out / "leoclr-0" / "result.json").unlink()
    training = (out / "leoclr-0" / "training.json").stat().st_mtime_ns
    run = compare("--methods", "leoclr,untrained", "--budget", "epochs=2", "--seeds", 2)
    assert run.returncode == 0, run.stderr[-3000:]
    # The run without a result was evaluated again but not trained again. The others were not
    # changed.
    assert (out / "leoclr-0" / "training.json").stat().st_mtime_ns == training
    new_stamps = {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")}
    changed = [path.parent.name for path in stamps if stamps[path] != new_stamps[path]]
    assert changed == ["leoclr-0"]

    # Remove the record of a training, as if the run had been killed before it was written.
    (checkpoint,) = (out / "leoclr-1").rglob("*.ckpt")
    checkpoint_time = checkpoint.stat().st_mtime_ns
    record_before = json.loads((out / "leoclr-1" / "training.json").read_text())
    (out / "leoclr-1" / "training.json").unlink()
    (out / "leoclr-1" / "result.json").unlink()
    run = compare("--methods", "leoclr,untrained", "--budget", "epochs=2", "--seeds", 2)
    assert run.returncode == 0, run.stderr[-3000:]
    assert checkpoint.stat().st_mtime_ns == checkpoint_time
    record = json.loads((out / "leoclr-1" / "training.json").read_text())
    assert record["seconds_per_epoch"] == record_before["seconds_per_epoch"]

    run = compare("--methods", "leoclr", "--budget", "epochs=3")
    assert run.returncode == 2
    assert "holds another comparison; name another folder" in run.stderr


@pytest.mark.parametrize("processes", [(), ("accelerator=cpu", "devices=2")])
def test_trial_turns_minutes_into_epochs(compare, tmp_path, processes):
    overrides = ("optimizer.batch_size=4", *processes)
    run = compare("--methods", "leoclr", "--budget", "minutes=0.01", *overrides)
    assert run.returncode == 0, run.stderr[-3000:]
    (result,) = results(tmp_path)["runs"]
    assert "error" not in result
    trial = json.loads((tmp_path / "out" / "leoclr-0" / "trial.json").read_text())
    assert result["epochs"] == trial["epochs"] >= 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--methods", "leoclr,mocov2", "--budget", "epochs=1"), "did you mean 'mocov2plus'"),
        (("--methods", "leoclr", "--budget", "hours=1"), "is not epochs=N or minutes=N"),
        (("--methods", "leoclr", "--budget", "epochs=0"), "leaves nothing to train; give"),
        (
            ("--methods", "leoclr", "--budget", "epochs=1", "data.val_path=null"),
            "the config lacks data.val_path",
        ),
        (
            ("--methods", "leoclr", "--budget", "epochs=1", "data.val_path=nowhere"),
            "the data folder nowhere is not there",
        ),
    ],
)
def test_unusable_arguments_are_refused_at_once(compare, tmp_path, args, message):
    run = compare(*args)
    assert run.returncode == 2
    assert message in run.stderr
    assert not (tmp_path / "out").exists()
