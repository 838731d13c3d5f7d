"""Test ``leoclr robustness`` as a user types it."""

import json
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from leoclr_plugin.commands.main import main
from leoclr_plugin.commands.networks import open_network
from leoclr_plugin.evaluation.corruptions import CORRUPTIONS
from leoclr_plugin.evaluation.robustness import chosen_images, summary
from leoclr_plugin.zoo.transform import val_transform
from tests.conftest import available_hosts, make_labelled, run_leoclr
from tests.pages import Page
from tests.runs import run_folder
from tests.zoo_fixtures import NAME

imagecorruptions = pytest.importorskip("imagecorruptions")


def make_run(folder: Path, images: Path, **changes) -> Path:
    own = {"data__train_path": f"{images}/train", "data__val_path": f"{images}/val"}
    return run_folder(folder, **{"backbone__name": "small_convnet", **own, **changes}).folder


def robustness(*args: object) -> int:
    return main(["robustness", *map(str, args), "--num_workers", "1"])


@pytest.mark.parametrize("host", available_hosts())
def test_one_run_is_measured_on_its_own_images(host, image_folder, tmp_path):
    run = make_run(tmp_path / "run", image_folder)
    process = run_leoclr("robustness", run, "--images", 6, "--num_workers", 2, host=host)
    assert process.returncode == 0, process.stderr
    content = json.loads((run / "robustness.json").read_text())
    (result,) = content["results"]
    assert content["environment"]["host"] == host
    assert (result["train_images"], result["val_images"]) == (40, 6)
    assert list(result["linear"]["corrupted"]) == list(CORRUPTIONS)
    title, _, _, *rows = process.stdout.splitlines()
    assert title == f"{run}, top-1 % of the linear classifier"
    for row, (name, figures) in zip(rows, result["linear"]["corrupted"].items(), strict=False):
        assert row.split() == [name, *(f"{value:.2f}" for value in [*figures, mean(figures)])]
    assert rows[-1] == f"Written to {run}/robustness.json, robustness.html, robustness.svg"
    # The bars are for the eyes, and the results come alone.
    assert "jpeg_compression: 100%" in process.stderr


def test_figures_agree_with_a_computation_by_hand(image_folder, tmp_path):
    """Corrupt with PIL and the library, and predict with scikit-learn."""
    run = make_run(tmp_path / "run", image_folder)
    assert robustness(run, "--images", 12) == 0
    (result,) = json.loads((run / "robustness.json").read_text())["results"]
    network = open_network(str(run))
    to_tensor = val_transform("imagenette", (32, 32)).transforms

    def features(paths: list[Path], severity: int | None) -> np.ndarray:
        images = []
        for path in paths:
            picture = Image.open(path).convert("RGB")
            for step in to_tensor[:2]:
                picture = step(picture)
            if severity is not None:
                corrupted = imagecorruptions.corrupt(np.array(picture), severity, "pixelate")
                picture = Image.fromarray(corrupted)
            for step in to_tensor[2:]:
                picture = step(picture)
            images.append(picture)
        with torch.no_grad():
            return network.method(torch.stack(images))["feats"].double().numpy()

    def files(part: str) -> list[Path]:
        return sorted((image_folder / part).glob("*/*.png"))

    train, val = files("train"), files("val")
    val = [val[i] for i in chosen_images(len(val), 12, 0)]
    known = features(train, None)
    middle, length = known.mean(axis=0), known.std(axis=0)
    length = np.sqrt(((known - middle) ** 2).mean())
    model = LogisticRegression(C=1 / (result["strength"] * len(train)), tol=1e-6, max_iter=1000)
    model.fit((known - middle) / length, [path.parent.name for path in train])
    expected = []
    for severity in (None, 1, 2, 3, 4, 5):
        predicted = model.predict((features(val, severity) - middle) / length)
        expected.append(100 * np.mean(predicted == [path.parent.name for path in val]))
    measured = [result["linear"]["clean"], *result["linear"]["corrupted"]["pixelate"]]
    # PIL's resize rounds a few pixels otherwise, which may move one image over a border.
    assert measured == pytest.approx(expected, abs=100 / 12 + 0.01)
    assert len({round(value) for value in expected}) > 2


def test_means_are_over_corruptions_and_relative_to_clean():
    result = summary(80.0, {"fog": [80, 70, 60, 50, 40], "snow": [60, 50, 40, 30, 20]})
    assert result["by_severity"] == [70, 60, 50, 40, 30]
    assert result["mean"] == 50
    assert result["relative"] == pytest.approx(62.5)
    assert summary(0.0, {"fog": [0, 0, 0, 0, 0]})["relative"] is None


def test_networks_stand_side_by_side_and_see_the_same_pixels(
    zoo, image_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", image_folder)
    make_run(tmp_path / "again", image_folder, data__train_path="elsewhere")
    names = ["run", "again", f"zoo:{NAME}"]
    assert robustness(*names, "--data", image_folder, "--images", 5) == 0
    results = json.loads(Path("robustness/robustness.json").read_text())["results"]
    assert [result["run"] for result in results] == names
    # The first two networks have the same weights, so their figures are equal on equal pixels.
    assert results[0]["linear"] == results[1]["linear"]
    assert results[0]["knn"] == results[1]["knn"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-7:-1:2]] == names
    page = Page(Path("robustness/robustness.html").read_text())
    assert set(names) <= set(page.texts["text"])
    assert "<svg" in Path("robustness/robustness.svg").read_text()


def test_pictures_of_several_classes_are_measured_by_map(tmp_path):
    make_labelled(tmp_path / "labelled", train=20, val=8)
    run = run_folder(tmp_path / "run", backbone__name="small_convnet").folder
    assert robustness(run, "--data", tmp_path / "labelled") == 0
    (result,) = json.loads((run / "robustness.json").read_text())["results"]
    assert (result["metric"], result["val_images"]) == ("mAP", 8)
    assert 0 < result["knn"]["mean"] < 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "the checkpoint folder nowhere is not there"),
        ([f"zoo:{NAME}"], f"zoo:{NAME} names no validation images; name a folder that holds"),
        (["run", "other"], "run and other were trained with other images; name a folder"),
        (["run", "--data", "run"], "run/train is not there; --data needs a folder that holds"),
        (["run", "small"], "small takes images of 28x28 pixels; corruptions need at least 32x32"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    arguments, message, zoo, image_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", image_folder)
    make_run(tmp_path / "other", image_folder, data__val_path=f"{image_folder}/train")
    make_run(
        tmp_path / "small",
        image_folder,
        augmentations__0__crop_size=28,
        augmentations__1__crop_size=[28, 28],
    )
    before = sorted(tmp_path.rglob("*"))
    assert robustness(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("leoclr robustness: ")
    assert message in line
    assert sorted(tmp_path.rglob("*")) == before
