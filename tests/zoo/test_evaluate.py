"""Test the evaluation of a model's file."""

import shutil
from dataclasses import replace

import pytest

from leoclr_plugin.evaluation.data import folder_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.zoo import evaluate as module
from leoclr_plugin.zoo.card import card
from leoclr_plugin.zoo.model import load
from tests.zoo_fixtures import NAME


def test_three_seeds_are_probed_at_one_rate_and_summarised(zoo, entry, image_folder, monkeypatch):
    calls = []

    def probe(data, train, val, lr, seed):
        calls.append((seed, lr))
        return {"top1": 40.0 + 10 * seed, "top5": 90.0}

    monkeypatch.setattr(module, "linear_probe", probe)
    data = folder_cfg(entry.dataset, image_folder, 0)
    figures = module.evaluate(entry, load(NAME).backbone, data)
    assert calls == [(seed, module.ZOO_RATE) for seed in (0, 1, 2)]
    assert figures["linear"] == {"top1": 50.0, "top5": 90.0, "spread": 10.0}


def test_images_of_several_labels_are_measured_by_map(zoo, entry, image_folder, tmp_path):
    for part in ("train", "val"):
        shutil.copytree(image_folder / part, tmp_path / part)
        images = sorted((tmp_path / part).rglob("*.png"))
        lines = [
            f"{path.relative_to(tmp_path / part)},{i % 2},{int(i % 3 == 0)}"
            for i, path in enumerate(images)
        ]
        (tmp_path / part / "labels.csv").write_text("\n".join(["image,a,b", *lines]) + "\n")
    data = folder_cfg("custom", tmp_path, 0)
    figures = module.evaluate(entry, load(NAME).backbone, data)
    train, val = train_and_val_features(
        module.Encoder(load(NAME).backbone), data, entry.size, entry.name
    )
    assert figures["knn"]["mAP"] == pytest.approx(knn(train, val)["mAP"], abs=0.01)
    assert figures["knn"].keys() == figures["linear"].keys() == {"mAP", "spread"}
    assert 0 < figures["knn"]["spread"] < 50


def test_a_card_of_several_labels_has_one_figure(entry):
    figures = {"mAP": 19.5, "spread": 0.4}
    text = card(replace(entry, results={"knn": figures, "linear": {**figures, "mAP": 21.25}}))
    assert "| | mAP % |\n|---|---|\n| kNN | 19.50 ± 0.40 |\n| linear probe | 21.25 ± 0.40 |" in text
