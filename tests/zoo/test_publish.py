"""Publishing a run adds files and figures to the zoo that agree with the run."""

import json

import jsonschema
import pytest
import torch

from leoclr_plugin import zoo as zoo_api
from leoclr_plugin.checkpoints.reading import CheckpointFolder
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg, folder_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.zoo.card import card
from leoclr_plugin.zoo.evaluate import evaluate
from leoclr_plugin.zoo.manifest import find_entry
from leoclr_plugin.zoo.model import load
from leoclr_plugin.zoo.publish import main, publish
from tests.conftest import ROOT
from tests.runs import run_folder

NAME = "leoclr-resnet18-made"


@pytest.fixture
def run(image_folder, tmp_path):
    return run_folder(
        tmp_path / "run",
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
    ).folder


@pytest.fixture
def published(run, zoo, image_folder, monkeypatch):
    monkeypatch.setattr("leoclr_plugin.zoo.publish.zoo_folder", lambda: zoo)
    command = "leoclr pretrain custom/leoclr"
    return publish(run, NAME, image_folder, command, "Small.", "0123456789ab", 0.25)


def test_published_files_and_entry_agree_with_the_run(published, run, zoo, image_folder):
    manifest = json.loads((zoo / "manifest.json").read_text())
    jsonschema.validate(manifest, json.loads((ROOT / "zoo/manifest.schema.json").read_text()))
    assert find_entry(NAME) == published
    assert len(manifest["models"]) == 2
    assert published.images == 40
    assert published.size == (32, 32)
    # The checkpoint was written after the first of the configuration's two epochs.
    assert (published.epochs, published.epochs_trained) == (2, 1)
    assert (zoo / f"{NAME}.md").read_text() == card(published)
    config = (zoo / published.config).read_text()
    assert json.loads(config)["optimizer"]["batch_size"] == 8
    assert str(image_folder) not in config

    with torch.no_grad():
        images = torch.randn(3, 3, 32, 32)
        expected = CheckpointFolder.open(run).load_method().backbone(images)
        features = zoo_api.load(NAME).backbone(images)
    torch.testing.assert_close(features, expected, rtol=1e-2, atol=1e-2)


def test_published_figures_are_measured_on_the_published_file(published, run, image_folder):
    cfg = folder_cfg(published.dataset, image_folder, 0)
    assert evaluate(published, load(NAME).backbone, cfg) == published.results
    # They differ from the run's figures only by the effect of half precision.
    source = CheckpointFolder.open(run)
    data = evaluation_cfg(source.cfg, num_workers=0)
    result = knn(*train_and_val_features(source.load_method(), data, (32, 32)))
    assert published.results["knn"]["top1"] == pytest.approx(result["top1"], abs=5.1)
    accuracy = result["top1"] / 100
    error = 100 * (accuracy * (1 - accuracy) / 20) ** 0.5
    assert published.results["knn"]["spread"] == pytest.approx(error, abs=1.5)


def test_given_hardware_replaces_this_machine(run, zoo, image_folder, monkeypatch):
    monkeypatch.setattr("leoclr_plugin.zoo.publish.zoo_folder", lambda: zoo)
    about = ("leoclr pretrain custom/leoclr", "Small.", "0123456789ab", 0.25, "one GPU elsewhere")
    assert publish(run, NAME, image_folder, *about).hardware == "one GPU elsewhere"


def test_card_has_every_field_of_the_manifest(published):
    text = card(published)
    for words in (
        *(published.name, published.method, published.backbone, published.dataset),
        *(published.command, published.config, published.commit, published.hardware),
        *(published.licence, published.limits, published.sha256, "0.25", "32 px", "1 of 2 epochs"),
    ):
        assert words in text, words
    for figures in published.results.values():
        assert f"{figures['top1']:.2f} ± {figures['spread']:.2f}" in text


def test_a_network_of_other_images_than_the_zoos_is_refused(
    run, zoo, image_folder, monkeypatch, capsys
):
    monkeypatch.setattr("leoclr_plugin.zoo.publish.zoo_folder", lambda: zoo)
    before = {path: path.read_bytes() for path in zoo.iterdir() if path.is_file()}
    args = json.loads((run / "args.json").read_text())
    args["data"] |= {"channels": 1, "mean": [0.5], "std": [0.2], "range": "auto", "clip": False}
    (run / "args.json").write_text(json.dumps(args))
    words = [
        "--data",
        image_folder,
        "--command",
        "c",
        "--limits",
        "l",
        "--commit",
        "c",
        "--hours",
        1,
    ]
    monkeypatch.setattr("sys.argv", ["publish", str(run), NAME, *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(f"error: {run} was trained with data.channels=1, data.mean=[0.5], ")
    assert line.endswith("share this network by leoclr export\n")
    assert {path: path.read_bytes() for path in zoo.iterdir() if path.is_file()} == before


def test_weights_that_are_not_finite_are_refused_before_anything_is_written(
    run, zoo, image_folder, monkeypatch
):
    monkeypatch.setattr("leoclr_plugin.zoo.publish.zoo_folder", lambda: zoo)
    (checkpoint,) = run.glob("*.ckpt")
    content = torch.load(checkpoint, weights_only=True)
    there = {path: path.read_bytes() for path in zoo.iterdir()}
    for value in (float("nan"), 1e6):
        content["state_dict"]["backbone.layer4.1.conv2.weight"].view(-1)[-1] = value
        torch.save(content, checkpoint)
        with pytest.raises(UserError, match=r"has 1 weights of .* that are not finite"):
            publish(run, NAME, image_folder, "leoclr pretrain", "Small.", "0123456789ab", 0.25)
        assert {path: path.read_bytes() for path in zoo.iterdir()} == there
