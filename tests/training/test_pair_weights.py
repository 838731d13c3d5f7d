"""Test trainings with kinds of pairs and self-paced weights."""

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint
from leoclr_plugin.report.curves import read_metric
from leoclr_plugin.training.pretrain import pretrain
from tests.configs import method_cfg
from tests.data.test_pairs import write
from tests.training.test_resume import LeaveAfterOneEpoch

IMAGES = 24
KINDS = {
    "near": {"weight": 2.0},
    "far": {"weight": 0.3},
    "other": {"negative": True, "weight": 0.5},
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """24 pictures of noise and a file of pairs of three kinds; return both."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "images" / "a").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(IMAGES):
        pixels = generator.integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / "a" / f"{i:02}.png")
    rows = [
        (f"a/{i:02}.png", f"a/{(i + step) % IMAGES:02}.png", kind)
        for i in range(IMAGES)
        for step, kind in ((1, "near"), (2, "far"), (3, "other"), (5, "other"))
    ]
    return folder / "images", write(folder / "pairs.csv", rows, ("image", "partner", "kind"))


def config(images, root, method, kinds, **changes):
    folder, path = images
    return method_cfg(
        method,
        data__dataset="custom",
        data__train_path=str(folder),
        data__val_path=None,
        data__pairs={"file": path, "probability": 0.8, **({"kinds": kinds} if kinds else {})},
        checkpoint={"enabled": True, "dir": str(root)},
        auto_resume={"enabled": True},
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        **changes,
    )


def weights_of(folder) -> dict[str, torch.Tensor]:
    return read_checkpoint(CheckpointFolder.open(folder).checkpoint)["state_dict"]


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_a_resumed_run_ends_as_the_uninterrupted_one(images, tmp_path, method, capsys):
    changes = {"method_kwargs__self_paced": {"age": 0.7, "until": 0.8}, "max_epochs": 3}
    whole = pretrain(config(images, tmp_path / "a", method, KINDS, **changes))
    cfg = config(images, tmp_path / "b", method, KINDS, **changes)
    with pytest.raises(InterruptedError):
        pretrain(cfg.copy(), [LeaveAfterOneEpoch()])
    rest = pretrain(cfg)
    assert "Resuming from" in capsys.readouterr().out
    assert same(weights_of(whole), weights_of(rest))
    whole_curve, rest_curve = (
        read_metric(run / "metrics.csv", "train_self_paced_weight_epoch") for run in (whole, rest)
    )
    assert len(whole_curve) == 3
    assert whole_curve[-2:] == rest_curve[-2:]


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_kinds_of_weight_1_change_no_bit_and_others_do(images, tmp_path, method):
    ones = {"near": {}, "far": {"weight": 1}, "other": {"weight": 1.0}}
    halves = {**ones, "far": {"weight": 0.5}}
    plain, same_run, other = (
        weights_of(pretrain(config(images, tmp_path / str(i), method, kinds, max_epochs=1)))
        for i, kinds in enumerate((None, ones, halves))
    )
    assert same(plain, same_run)
    assert not same(plain, other)
