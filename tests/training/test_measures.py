"""Test the label-free measures that are logged during a pretraining."""

import csv

import pytest
import torch

from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.measures import Sample, measure
from leoclr_plugin.metrics.label_free import ON_COLLAPSE
from leoclr_plugin.training import measures
from leoclr_plugin.training.pretrain import prepare, pretrain
from tests.configs import method_cfg, small_config
from tests.conftest import available_hosts, run_leoclr

NAMES = [f"measure_{name}" for name in ON_COLLAPSE]
ON = {"every_n_epochs": 1, "images": 12, "views": 3}


def config(image_folder, root, **changes):
    return method_cfg(
        data__dataset="custom",
        data__train_path=str(image_folder / "train"),
        data__val_path=None,
        checkpoint={"enabled": True, "dir": str(root)},
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        **changes,
    )


def logged(folder) -> dict[int, dict[str, float]]:
    """Return the measures by epoch."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get(NAMES[0])]
    return {int(row["epoch"]): {name: float(row[name]) for name in NAMES} for row in rows}


@pytest.mark.parametrize("host", available_hosts())
def test_the_command_logs_all_measures_with_both_hosts(image_folder, tmp_path, host):
    words = [
        *small_config(image_folder),
        *("max_epochs=4", "+enable_progress_bar=False", "checkpoint.frequency=2"),
        *("++measures.every_n_epochs=2", "++measures.images=12", "++measures.views=3"),
    ]
    run = run_leoclr("pretrain", *words, cwd=tmp_path, host=host)
    assert run.returncode == 0, run.stderr
    (path,) = tmp_path.rglob("metrics.csv")
    # They are due after the epochs 0 and 2, as the checkpoints are, and after the last.
    assert list(logged(path.parent)) == [0, 2, 3]


def test_the_training_is_the_same_with_and_without_measures(image_folder, tmp_path):
    states = []
    for name, changes in (("with", {"measures": dict(ON)}), ("without", {})):
        folder = pretrain(config(image_folder, tmp_path / name, **changes))
        assert bool(logged(folder)) == (name == "with")
        states.append(read_checkpoint(CheckpointFolder.open(folder).checkpoint)["state_dict"])
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_the_last_figures_are_those_of_the_checkpoint(image_folder, tmp_path):
    folder = pretrain(config(image_folder, tmp_path, measures=dict(ON)))
    source = CheckpointFolder.open(folder)
    sample = Sample(source.cfg.data, ON["images"], ON["views"], source.cfg.seed)
    values = measure(source.load_method(), source.cfg, sample).values
    last = logged(folder)[1]
    assert {name: last[f"measure_{name}"] for name in values} == pytest.approx(values, rel=1e-3)


def test_labels_are_not_needed(image_folder, tmp_path):
    (tmp_path / "train").symlink_to(image_folder / "train/class0")
    changes = {"data__no_labels": True, "measures": dict(ON)}
    folder = pretrain(config(tmp_path, tmp_path / "runs", **changes))
    assert len(logged(folder)) == 2


def test_nothing_is_measured_by_default(image_folder, tmp_path):
    assert measures.measures_callback(prepare(config(image_folder, tmp_path))) == []


def test_more_processes_than_images_are_refused(image_folder, tmp_path):
    cfg = prepare(config(image_folder, tmp_path, accelerator="cpu", devices=3))
    cfg.measures = {**ON, "images": 2}
    with pytest.raises(UserError, match="2 images are too few for 3 processes"):
        measures.measures_callback(cfg)


def test_too_few_images_for_lidar_are_told(capsys):
    measures.tell_too_few(20, 4, 60, "raise it")
    assert capsys.readouterr().err == ""
    measures.tell_too_few(20, 4, 61, "raise it")
    assert "20 images with 4 views are too few for 61 features" in capsys.readouterr().err
