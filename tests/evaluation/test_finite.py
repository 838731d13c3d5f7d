"""Test that values that are not finite end an evaluation with one line naming the checkpoint."""

import pytest
import torch
from torch import nn

from leoclr_plugin.commands.main import main
from leoclr_plugin.data.loaders import val_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg, folder_cfg
from leoclr_plugin.evaluation.features import extract_features
from leoclr_plugin.evaluation.finite import check_features, check_score
from leoclr_plugin.zoo.evaluate import Encoder, evaluate
from tests.runs import run_folder
from tests.zoo_fixtures import NAME


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e20])
def test_features_that_are_not_finite_or_too_long_are_refused(value):
    features = torch.ones(3, 4)
    check_features(1e18 * features, "a.ckpt")
    features[1, 2] = value
    with pytest.raises(UserError, match=r"^a\.ckpt gives 1 of 3 images features that are not fin"):
        check_features(features, "a.ckpt")


def test_a_score_that_is_not_finite_is_refused():
    check_score("the loss", 1.0, "a.ckpt")
    with pytest.raises(UserError, match=r"^a\.ckpt: the loss is nan"):
        check_score("the loss", float("nan"), "a.ckpt")


@pytest.fixture
def diverged(image_folder, tmp_path):
    """Make a run with a last layer that has weights that are not finite."""
    source = run_folder(
        tmp_path / "run",
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
    )
    content = torch.load(source.checkpoint, weights_only=True)
    content["state_dict"]["backbone.layer4.1.conv2.weight"].fill_(float("nan"))
    torch.save(content, source.checkpoint)
    return source


@pytest.mark.parametrize(
    "arguments",
    [
        ["knn"],
        ["umap"],
        ["linear", "max_epochs=1", "optimizer.batch_size=8", "data.num_workers=0"],
        *(["export", "--format", name] for name in ("timm", "safetensors", "onnx")),
    ],
    ids=" ".join,
)
def test_every_evaluator_refuses_weights_that_are_not_finite(arguments, diverged, capsys):
    command, *options = arguments
    assert main([command, str(diverged.folder), *options]) == 2
    printed = capsys.readouterr()
    line = printed.err.splitlines()[-1]
    assert line.startswith(f"leoclr {command}: {diverged.checkpoint} has 1 weights of ")
    assert "not finite, the first is layer4.1.conv2.weight" in line
    assert printed.out == ""
    assert {path.suffix for path in diverged.folder.iterdir()} == {".ckpt", ".json"}
    assert not list(diverged.folder.glob("*n*.json"))  # knn.json, linear.json


class Overflow(nn.Module):
    """A backbone with finite weights and infinite features."""

    def forward(self, images):
        return images.flatten(1)[:, :4] + float("inf")


def test_features_that_overflow_end_the_evaluation(image_folder, zoo, entry):
    cfg = folder_cfg(entry.dataset, image_folder, 0)
    loader = val_loader(cfg, (32, 32))
    with pytest.raises(UserError, match=r"^run/a\.ckpt gives 20 of 20 images features that are no"):
        extract_features(Encoder(Overflow()), loader, ["backbone"], "Images", "run/a.ckpt")
    with pytest.raises(UserError, match=f"^{NAME} gives 40 of 40 images features"):
        evaluate(entry, Overflow(), cfg)


def test_the_comparison_names_the_checkpoint(image_folder, diverged):
    from leoclr_plugin.compare import worker

    cfg = evaluation_cfg(diverged.cfg)
    cfg.augmentations = diverged.cfg.augmentations
    with pytest.raises(UserError, match=r"^run/b\.ckpt gives 40 of 40 images"):
        worker.evaluate(Encoder(Overflow()), cfg, (32, 32), "run/b.ckpt")
