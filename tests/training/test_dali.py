"""Test pretraining and the linear probe with the DALI loader, with every available host."""

import csv

import pytest
import torch

from leoclr_plugin.checkpoints.reading import read_checkpoint
from tests.conftest import available_hosts, run_leoclr

pytest.importorskip("nvidia.dali")

SMALL = (
    "data.format=dali",
    "data.num_workers=1",
    "optimizer.batch_size=8",
    "backbone.name=small_convnet",
    "checkpoint.frequency=1",
    "+num_sanity_val_steps=0",
)


@pytest.mark.parametrize("host", available_hosts())
@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_every_epoch_trains_all_of_its_steps(image_folder, tmp_path, host, method):
    sizes = ["augmentations.0.crop_size=32"]
    if method == "leoclr":
        sizes.append("augmentations.1.crop_size=[32,32]")
    run = run_leoclr(
        "pretrain",
        # The DALI loader of solo-learn does not support this data set, so ours must be used.
        f"imagenette/{method}",
        f"data.train_path={image_folder}/train",
        f"data.val_path={image_folder}/val",
        f"checkpoint.dir={tmp_path}",
        "method_kwargs.queue_size=64",
        "max_epochs=3",
        "+log_every_n_steps=1",
        *sizes,
        *SMALL,
        host=host,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (tmp_path / method).iterdir()
    with (folder / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train_nce_loss_step"]]
    assert [row["epoch"] for row in rows] == ["0"] * 5 + ["1"] * 5 + ["2"] * 5

    if method == "leoclr":
        run = run_leoclr("linear", folder, "max_epochs=1", *SMALL[:3], host=host, cwd=tmp_path)
        assert run.returncode == 0, run.stderr[-3000:]
        assert (folder / "linear.json").exists()


def pretrain(image_folder, root, *overrides):
    run = run_leoclr(
        "pretrain",
        "custom/leoclr",
        f"data.train_path={image_folder}/train",
        f"checkpoint.dir={root}",
        "augmentations.0.crop_size=32",
        "augmentations.1.crop_size=[32,32]",
        "method_kwargs.queue_size=64",
        "max_epochs=2",
        *SMALL,
        *overrides,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return sorted((root / "leoclr").glob("*/*.ckpt"))


def test_run_resumed_between_epochs_equals_the_uninterrupted_one(image_folder, tmp_path):
    first, second = pretrain(image_folder, tmp_path / "whole", "checkpoint.keep_prev=True")
    assert "ep=0" in first.name
    (resumed,) = pretrain(image_folder, tmp_path / "resumed", f"+resume_from_checkpoint='{first}'")
    expected = read_checkpoint(second)["state_dict"]
    weights = read_checkpoint(resumed)["state_dict"]
    different = [key for key in expected if not torch.equal(weights[key], expected[key])]
    assert not different
    # The second epoch changes the weights, so the comparison above can fail.
    before = read_checkpoint(first)["state_dict"]
    assert not torch.equal(expected["backbone.0.weight"], before["backbone.0.weight"])
