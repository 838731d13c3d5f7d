"""Test what a comparison starts and how it reports failures."""

import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.compare import run
from leoclr_plugin.compare.run import Budget, Measures, _reason
from leoclr_plugin.compare.worker import transfer_cfg, written_by
from leoclr_plugin.config import scripts_folder
from leoclr_plugin.data.datasets import class_names
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import alone_in, write_json
from tests.configs import small_config
from tests.conftest import make_image


def test_reason_of_a_failure_is_its_last_message_without_progress_bars(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("Epoch 0: 0%\rEpoch 0: 33%\rUserError: the disk is full\n\rEpoch 0: 33%\n\n")
    assert _reason(log, 2) == "UserError: the disk is full"
    log.write_text("Traceback\n  File ...\ntorch.cuda.OutOfMemoryError: 3 GiB\nEpoch 0: 33%")
    assert _reason(log, 1) == "torch.cuda.OutOfMemoryError: 3 GiB"
    log.write_text("Epoch 0: 33%\n\n")
    assert _reason(log, 1) == "Epoch 0: 33%"
    log.write_text("")
    assert _reason(log, 3) == "exit code 3"
    assert _reason(log, -9) == "ended by signal 9"


def test_all_methods_are_evaluated_at_the_size_of_the_original(image_folder, tmp_path, monkeypatch):
    configs = {}

    def record_config(command, log):
        cfg = OmegaConf.load(Path(command[-1]) / "config.yaml")
        configs[cfg.method] = cfg
        return 1

    monkeypatch.setattr(run, "run_child", record_config)
    config, *overrides = small_config(image_folder)
    overrides.append("augmentations.0.crop_size=24")
    run.compare(config, ["leoclr", "mocov2plus"], Budget(epochs=1), 1, tmp_path, overrides)
    assert {node.crop_size for node in configs["mocov2plus"].augmentations} == {24}
    assert [cfg.evaluated_at for cfg in configs.values()] == [[32, 32], [32, 32]]


def test_two_comparisons_do_not_share_a_folder(image_folder, tmp_path):
    config, *overrides = small_config(image_folder)
    with alone_in(tmp_path, "comparison"), pytest.raises(UserError, match="is at work there; wait"):
        run.compare(config, ["leoclr"], Budget(epochs=1), 1, tmp_path, overrides)
    assert [path.name for path in tmp_path.iterdir()] == [".leoclr-lock"]


@pytest.fixture
def worker(monkeypatch):
    """Take the place of the worker: write its files, with figures that its configuration makes."""
    calls = []

    def run_child(command, log):
        step, folder, *leg = command[3:]
        cfg = OmegaConf.load(Path(folder) / "config.yaml")
        calls.append((step, Path(folder).name, cfg))
        if step == "trial":
            content = {"epochs": 4}
        elif cfg.optimizer.lr > 10:
            log.write("UserError: the loss is nan\n")
            return 2
        else:
            content = {"epochs": int(leg[0]) if leg else cfg.max_epochs}
            content["linear_top1"] = 50 + cfg.optimizer.lr
            Path(cfg.checkpoint.dir).mkdir(exist_ok=True)
        write_json(Path(folder) / written_by(step, int(leg[0]) if leg else None), content)
        return 0

    monkeypatch.setattr(run, "run_child", run_child)
    return calls


def compared(image_folder, out, *overrides, methods=("leoclr",), **more):
    config, *own = small_config(image_folder)
    given = {"budget": Budget(epochs=2), "seeds": 1, "out": out, **more}
    return run.compare(config, methods, overrides=[*own, *overrides], **given)


def test_minutes_decide_the_warmup_and_the_epochs_of_evaluations(image_folder, tmp_path, worker):
    def again():
        measures = Measures(epochs=(2, 4, 50))
        return compared(image_folder, tmp_path, budget=Budget(minutes=1), measures=measures)

    (record,) = again()["runs"]
    cfg = worker[-1][2]
    # The trial says that four epochs fit.
    assert (cfg.max_epochs, cfg.scheduler.warmup_epochs) == (4, 0.4)
    assert record["epochs"] == 4
    assert [leg["epochs"] for leg in record["legs"]] == [2]
    assert "not evaluated after 50 epochs" in record["deviations"]
    steps = [step for step, _, _ in worker]
    assert steps == ["trial", "train", "evaluate", "train", "evaluate"]
    # A second call has nothing to do, and does not take the run for another one.
    assert again()["runs"] == [record]
    assert len(worker) == 5


def test_a_config_that_changed_is_not_mixed_with_its_earlier_runs(image_folder, tmp_path, worker):
    config, *own = small_config(image_folder)
    folder = tmp_path / "configs"
    shutil.copytree(scripts_folder() / "pretrain" / Path(config).parent, folder)
    path = folder / f"{Path(config).name}.yaml"

    def again():
        return run.compare(str(path), ["leoclr"], Budget(epochs=2), 1, tmp_path / "out", own)

    again()
    saved = tmp_path / "out" / "leoclr-0" / "config.yaml"
    before = saved.read_text()
    changed = OmegaConf.load(path)
    changed.method_kwargs.temperature = 0.77
    OmegaConf.save(changed, path)
    with pytest.raises(UserError, match=r"leoclr-0 was trained .*temperature.*and now it is"):
        again()
    assert saved.read_text() == before


def test_a_rate_that_fails_leaves_the_others_to_choose_from(image_folder, tmp_path, worker):
    def rates(*values):
        measures = Measures(rates=values, rate_epochs=1, held_out=10)
        out = tmp_path / str(len(values))
        (record,) = compared(image_folder, out, measures=measures)["runs"]
        return record

    record = rates(0.1, 0.3, 30.0)
    assert record["linear_top1"] == pytest.approx(50.3)
    assert any("optimizer.lr 30.0 failed: UserError: the loss" in x for x in record["deviations"])
    assert "optimizer.lr 20.0 failed" in rates(20.0, 30.0)["error"]


def test_a_comparison_without_a_seed_begins_at_0(image_folder, tmp_path, worker):
    compared(image_folder, tmp_path, "seed=null", seeds=2)
    assert [cfg.seed for step, _, cfg in worker if step == "train"] == [0, 1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"methods": ["leoclr", "leoclr:2"]}, "--methods names leoclr more than once"),
        (
            {"measures": Measures(transfer=(("x", "."),), evaluations=("measures",))},
            "--transfer is measured by kNN and a linear probe",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(image_folder, tmp_path, worker, more, message):
    with pytest.raises(UserError, match=message):
        compared(image_folder, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


def test_a_transfer_to_one_class_is_refused_and_labels_are_found(image_folder, tmp_path, worker):
    for part in ("train", "val"):
        (tmp_path / "set" / part / "images").mkdir(parents=True)
        for i in range(3):
            make_image(i, 0).save(tmp_path / "set" / part / "images" / f"{i}.png")
    measures = Measures(transfer=(("set", str(tmp_path / "set")),))
    with pytest.raises(UserError, match="the images of train are of one class"):
        compared(image_folder, tmp_path / "out", measures=measures)
    for part in ("train", "val"):
        rows = "".join(f"images/{i}.png,{i % 2},1\n" for i in range(3))
        (tmp_path / "set" / part / "labels.csv").write_text(f"image,cat,dog\n{rows}")
    compared(image_folder, tmp_path / "out", measures=measures)
    data = transfer_cfg(worker[-1][2], "set").data
    assert class_names(data) == ("cat", "dog")
    assert data.mean == pytest.approx([0.485, 0.456, 0.406])
