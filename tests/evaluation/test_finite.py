"""Test that values that are not finite end an evaluation with one line naming the checkpoint."""

import math

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from leoclr_plugin.checkpoints.weights import read_weights, write_weights
from leoclr_plugin.commands.main import main
from leoclr_plugin.data.loaders import val_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg, folder_cfg
from leoclr_plugin.evaluation.features import extract_features
from leoclr_plugin.evaluation.finite import check_features, check_score
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.initial_weights import start_from_weights
from leoclr_plugin.zoo.evaluate import Encoder, evaluate
from leoclr_plugin.zoo.model import load
from tests.configs import method_cfg
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
    """Make a run with a last layer that has a weight that is not finite."""
    source = run_folder(
        tmp_path / "run",
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
    )
    content = torch.load(source.checkpoint, weights_only=True)
    content["state_dict"]["backbone.layer4.1.conv2.weight"].view(-1)[-1] = math.nan
    torch.save(content, source.checkpoint)
    return source


_SMALL = ["max_epochs=1", "optimizer.batch_size=8", "data.num_workers=0"]


@pytest.mark.parametrize(
    "words",
    [
        ["knn", "RUN"],
        ["umap", "RUN"],
        ["linear", "RUN", *_SMALL],
        ["linear", "RUN", "--protocol", "svm"],
        ["finetune", "RUN", *_SMALL],
        ["detect", "RUN", "data.train_path=VOC"],
        ["measure", "RUN"],
        ["embed", "RUN", "IMAGES", "--out", "OUT"],
        ["transfer", "RUN", "--datasets", "IMAGES"],
        ["robustness", "RUN"],
        ["pictures", "RUN"],
        ["pairs", "mine", "--data", "IMAGES", "--encoder", "RUN", "--out", "OUT.csv"],
        *(
            ["export", "RUN", "--format", name]
            for name in ("timm", "torchvision", "safetensors", "onnx", "detectron2")
        ),
    ],
    ids=" ".join,
)
def test_every_evaluator_refuses_weights_that_are_not_finite(
    words, diverged, image_folder, tmp_path, monkeypatch, capsys
):
    there = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    places = {"RUN": str(diverged.folder), "IMAGES": str(image_folder)}
    assert main([places.get(word, word) for word in words]) == 2
    printed = capsys.readouterr()
    line = printed.err.splitlines()[-1]
    assert line.startswith(f"leoclr {words[0]}: {diverged.checkpoint} has 1 weights of ")
    assert "not finite, the first is layer4.1.conv2.weight" in line
    assert printed.out == ""
    assert sorted(tmp_path.rglob("*")) == there


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


@pytest.mark.parametrize("value", [math.nan, -math.inf, 1e6])
def test_weights_in_safetensors_are_finite(value, zoo, entry, tmp_path, monkeypatch):
    """A weight of a million is finite until it is written in half precision."""
    state = read_weights(zoo / entry.file)
    state["layer4.1.conv2.weight"].view(-1)[3] = value
    with pytest.raises(UserError, match=r"^a\.st in half precision has 1 weights of .*4\.1\.conv2"):
        write_weights(state, tmp_path / "a.st", {"name": "a"}, half=True)
    assert not (tmp_path / "a.st").exists()
    if value == 1e6:
        return
    monkeypatch.setattr("leoclr_plugin.zoo.fetch.check", lambda path, entry: None)
    path = zoo / entry.file
    save_file(state, path)
    with pytest.raises(UserError, match=f"^{NAME} has 1 weights of .* not finite"):
        load(NAME)
    cfg = method_cfg(backbone__name="resnet18", backbone__weights=str(path))
    with pytest.raises(UserError, match=r"^backbone\.weights=.* has 1 weights of .* not finite"):
        start_from_weights(METHODS["leoclr"](host().parse_pretrain_cfg(cfg)), cfg)
