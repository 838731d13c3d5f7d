"""Test ``leoclr pictures`` and the names in UMAP's legend as a user types them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.commands.main import main
from leoclr_plugin.commands.networks import open_network
from leoclr_plugin.zoo.transform import val_transform
from tests.conftest import available_hosts, make_image, run_leoclr
from tests.pages import Page
from tests.runs import run_folder
from tests.zoo_fixtures import NAME

pytest.importorskip("umap")
CLASSES = [f"class{number}" for number in range(5)]


def make_run(folder: Path, images: Path) -> Path:
    own = {"data__train_path": f"{images}/train", "data__val_path": f"{images}/val"}
    return run_folder(folder, backbone__name="small_convnet", **own).folder


def legend(figure) -> list[str]:
    (drawn_legend,) = figure.legends
    return [text.get_text() for text in drawn_legend.get_texts()]


@pytest.mark.parametrize("host", available_hosts())
def test_pictures_of_a_run_are_written_beside_it(host, image_folder, tmp_path):
    run = make_run(tmp_path / "run", image_folder)
    process = run_leoclr("pictures", run, "--num_workers", 1, host=host)
    assert process.returncode == 0, process.stderr
    content = json.loads((run / "pictures.json").read_text())
    shared = [one for row in content["neighbours"] for one in row["shared"]]
    pictures = [f"pictures-{kind}.png" for kind in ("umap", "neighbours", "similarity")]
    assert process.stdout.splitlines() == [
        f"{sum(shared)} of 40 neighbours share a class with their query",
        f"Written to {run}/pictures.html, pictures.json, {', '.join(pictures)}",
    ]
    for name in pictures:
        with Image.open(run / name) as picture:
            assert min(picture.size) > 200
    page = Page((run / "pictures.html").read_text())
    assert len(page.descriptions) == 3
    # By hand: the pictures that are nearest by cosine after the mean is subtracted.
    paths = sorted((image_folder / "val").glob("*/*.png"))
    transform = val_transform("imagenette", (32, 32))
    with torch.no_grad():
        images = torch.stack([transform(Image.open(path).convert("RGB")) for path in paths])
        features = open_network(str(run)).method(images)["feats"].double().numpy()
    features -= features.mean(axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    assert [row["class"] for row in content["neighbours"]] == CLASSES
    for row in content["neighbours"]:
        query = paths.index(Path(row["query"]))
        assert paths[query].parent.name == row["class"]
        cosines = features @ features[query]
        listed = [cosines[paths.index(Path(path))] for path in row["nearest"]]
        # PIL's resize rounds a few pixels otherwise, so neighbours of equal rank may swap.
        assert listed == pytest.approx(sorted(np.delete(cosines, query))[:-9:-1], abs=1e-3)
        assert row["shared"] == [Path(path).parent.name == row["class"] for path in row["nearest"]]


def test_legend_of_umap_has_the_names_of_the_classes(image_folder, tmp_path, drawn):
    run = make_run(tmp_path / "run", image_folder)
    assert main(["umap", str(run), "--num_workers", "1"]) == 0
    assert [legend(figure) for figure in drawn] == [CLASSES, CLASSES]


def test_legend_names_images_of_several_classes_and_of_none(tmp_path, drawn, zoo):
    folder = tmp_path / "labelled"
    for part in ("train", "val"):
        (folder / part).mkdir(parents=True)
        lines = ["image,dog,cat"]
        for i in range(16):
            make_image(i, i % 3).save(folder / f"{part}/{i}.png")
            lines.append(f"{i}.png,{i % 2},{i // 2 % 2}")
        (folder / f"{part}/labels.csv").write_text("\n".join(lines) + "\n")
    words = ["pictures", f"zoo:{NAME}", "--data", str(folder), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert legend(drawn[0]) == ["dog", "cat", "several classes", "no class"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "the checkpoint folder nowhere is not there"),
        ([f"zoo:{NAME}"], f"zoo:{NAME} names no validation images; name a folder that holds"),
        (["run", "--data", "few"], "4 validation images are too few to draw; at least 10"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    arguments, message, zoo, image_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", image_folder)
    for part in ("train", "val"):
        (tmp_path / "few" / part).mkdir(parents=True)
        (tmp_path / "few" / part / "class0").symlink_to(image_folder / "val" / "class0")
    before = sorted(tmp_path.rglob("*"))
    assert main(["pictures", *arguments]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("leoclr pictures: ")
    assert message in line
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_package_is_named(run_without_umap, capsys):
    assert main(["pictures", "run"]) == 2
    assert "UMAP needs umap, which is not installed" in capsys.readouterr().err


@pytest.fixture
def run_without_umap(monkeypatch):
    monkeypatch.setattr("leoclr_plugin.plots.scatter.find_spec", lambda name: None)
