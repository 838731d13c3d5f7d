"""Test ``leoclr embed`` as a user types it, and the table that it writes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from leoclr_plugin.commands.main import main
from leoclr_plugin.evaluation import embedding
from leoclr_plugin.methods.leoclr import LeOCLR
from leoclr_plugin.zoo.model import load
from leoclr_plugin.zoo.transform import val_transform
from tests.conftest import ROOT, available_hosts, full_disk, make_image, run_leoclr
from tests.runs import run_folder
from tests.zoo_fixtures import NAME

pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")


@pytest.fixture
def run(tmp_path):
    return run_folder(tmp_path / "run").folder


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(embedding, "_IMAGES_A_PART", 8)


def embed(*args: object) -> int:
    return main(["embed", *map(str, args), "--num_workers", "1"])


def vectors_of(path: Path) -> np.ndarray:
    return np.stack(pd.read_parquet(path)["vector"])


def by_hand(backbone: nn.Module, paths: list[Path]) -> np.ndarray:
    """Encode images one at a time, each prepared by torchvision."""
    transform = val_transform("custom", (32, 32))
    images = [transform(Image.open(path).convert("RGB"))[None] for path in paths]
    with torch.no_grad():
        return torch.cat([backbone(image) for image in images]).numpy()


@pytest.mark.parametrize("host", available_hosts())
def test_table_has_path_label_and_vector(host, run, image_folder, tmp_path):
    out = tmp_path / "features.parquet"
    process = run_leoclr("embed", run, image_folder / "val", "--out", out, host=host)
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"20 images are in {out}\n"
    table = pd.read_parquet(out)
    paths = sorted((image_folder / "val").rglob("*.png"))
    assert list(table.columns) == ["path", "label", "vector"]
    assert table["path"].tolist() == [
        path.relative_to(image_folder / "val").as_posix() for path in paths
    ]
    assert table["label"].tolist() == [path.parent.name for path in paths]
    assert vectors_of(out).dtype == np.float32


def test_vectors_are_the_backbones_features(zoo, image_folder, tmp_path):
    out = tmp_path / "features.parquet"
    assert embed(f"zoo:{NAME}", image_folder / "val", "--out", out, "--batch_size", 7) == 0
    paths = sorted((image_folder / "val").rglob("*.png"))
    expected = by_hand(load(NAME).backbone, paths)
    # The loader and torchvision round the pixels of a resized image in different places.
    np.testing.assert_allclose(vectors_of(out), expected, atol=0.05)
    assert np.abs(vectors_of(out) - expected[::-1]).max() > 0.1


def test_half_precision_is_the_rounded_vector(run, image_folder, tmp_path):
    for dtype in ("float16", "float32"):
        out = tmp_path / dtype
        assert embed(run, image_folder / "val", "--out", out, "--dtype", dtype) == 0
    half = vectors_of(tmp_path / "float16")
    assert half.dtype == np.float16
    assert np.array_equal(half, vectors_of(tmp_path / "float32").astype(np.float16))


def test_interrupted_call_goes_on(run, image_folder, tmp_path, monkeypatch, capsys, small_parts):
    folder, whole, out = image_folder / "train", tmp_path / "whole", tmp_path / "out"
    assert embed(run, folder, "--out", whole, "--batch_size", 4) == 0
    assert len(list(whole.glob("part-*.parquet"))) == 5
    forward, batches = LeOCLR.forward, []

    def interrupt_sixth(self, images):
        batches.append(len(images))
        if len(batches) == 6:
            raise KeyboardInterrupt
        return forward(self, images)

    monkeypatch.setattr(LeOCLR, "forward", interrupt_sixth)
    assert embed(run, folder, "--out", out, "--batch_size", 4) == 130
    # Two parts of eight images are complete, and the fifth batch belonged to the third.
    written = {path: path.read_bytes() for path in sorted(out.iterdir())}
    assert len(pd.read_parquet(out)) == 16
    capsys.readouterr()
    # Another size of the batches may be needed if the memory was short.
    assert embed(run, folder, "--out", out, "--batch_size", 3) == 0
    assert sum(batches[6:]) == 24
    assert capsys.readouterr().out == f"40 images are in {out}, 16 of them by an earlier call\n"
    assert written.items() <= {path: path.read_bytes() for path in out.iterdir()}.items()
    assert pd.read_parquet(out)["path"].equals(pd.read_parquet(whole)["path"])
    np.testing.assert_allclose(vectors_of(out), vectors_of(whole), atol=1e-5)
    batches.clear()
    assert embed(run, folder, "--out", out) == 0
    assert batches == []


def test_features_of_something_else_are_not_continued(run, image_folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert embed(run, image_folder / "val", "--out", out) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    (checkpoint,) = run.glob("*.ckpt")
    for arguments, different in (
        ((run, image_folder / "val", "--dtype", "float16"), "dtype"),
        ((run, image_folder / "train"), "images, listing"),
        ((run, image_folder / "val"), "network"),
    ):
        if different == "network":
            content = torch.load(checkpoint)
            content["state_dict"]["backbone.conv1.weight"] *= 2
            torch.save(content, checkpoint)
        capsys.readouterr()
        assert embed(*arguments, "--out", out) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line == (
            f"leoclr embed: {out} holds features that differ in {different}; remove the folder, or "
            "name another --out"
        )
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_file_that_is_missing_between_others_is_noticed(
    run, image_folder, tmp_path, capsys, small_parts
):
    out = tmp_path / "out"
    command = (run, image_folder / "train", "--out", out, "--batch_size", 4)
    assert embed(*command) == 0
    before = pd.read_parquet(out)["path"]
    (out / "part-000004.parquet").unlink()
    assert embed(*command) == 0
    assert pd.read_parquet(out)["path"].equals(before)
    (out / "part-000001.parquet").unlink()
    assert embed(*command) == 2
    assert "lacks a file between others; remove the folder" in capsys.readouterr().err
    (out / "part-000001.parquet").write_text("no table")
    assert embed(*command) == 2
    assert f"{out}/part-000001.parquet is damaged: " in capsys.readouterr().err


def test_names_that_are_not_utf8_are_escaped(run, tmp_path):
    folder = tmp_path / "photos" / os.fsdecode(b"caf\xe9")
    folder.mkdir(parents=True)
    make_image(0, 0).save(folder / "a.png")
    assert embed(run, tmp_path / "photos", "--out", tmp_path / "out") == 0
    table = pd.read_parquet(tmp_path / "out")
    assert table["path"].tolist() == ["caf\\udce9/a.png"]
    assert table["label"].tolist() == ["caf\\udce9"]


def test_folder_without_class_folders_has_no_labels(run, tmp_path):
    (tmp_path / "photos").mkdir()
    make_image(0, 0).save(tmp_path / "photos/a.png")
    assert embed(run, tmp_path / "photos", "--out", tmp_path / "out") == 0
    assert list(pd.read_parquet(tmp_path / "out").columns) == ["path", "vector"]
    (tmp_path / "photos/cats/old").mkdir(parents=True)
    make_image(0, 0).save(tmp_path / "photos/cats/old/b.png")
    assert embed(run, tmp_path / "photos", "--out", tmp_path / "more") == 0
    labels = pd.read_parquet(tmp_path / "more")["label"]
    assert labels.isna().tolist() == [True, False]
    assert labels[1] == "cats"


def test_labels_file_gives_the_classes_that_an_image_shows(run, tmp_path, capsys):
    folder = tmp_path / "photos"
    (folder / "images").mkdir(parents=True)
    for name in "abc":
        make_image(0, 0).save(folder / f"images/{name}.png")
    rows = "image,dog,cat\nimages/b.png,1,1\nimages/a.png,,1\n"
    (folder / "labels.csv").write_text(rows)
    assert embed(run, folder, "--out", tmp_path / "out") == 0
    labels = pd.read_parquet(tmp_path / "out")["label"].tolist()
    assert [None if label is None else list(label) for label in labels] == [
        ["cat"],
        ["dog", "cat"],
        None,
    ]
    (folder / "labels.csv").write_text(f"{rows}images/d.png,1,0\n")
    assert embed(run, folder, "--out", tmp_path / "more") == 2
    assert "has rows for 1 images that are not in" in capsys.readouterr().err


def test_bad_input_is_one_line_and_nothing_is_written(
    run, image_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file").touch()
    Path("bad").mkdir()
    Path("bad/a.png").write_text("no image")
    before = sorted(tmp_path.rglob("*"))
    images = image_folder / "val"
    for arguments, message in (
        (("nowhere", images, "--out", "out"), "the checkpoint folder nowhere is not there"),
        ((run, "nowhere", "--out", "out"), "nowhere is not there; name a folder of images"),
        ((run, "empty", "--out", "out"), "the folder empty holds no image"),
        ((run, "bad", "--out", "out"), "1 of 1 images cannot be read, the first is bad/a.png"),
        ((run, images, "--out", "file"), "file was not written by leoclr embed; name another"),
        ((run, images, "--out", run), "run was not written by leoclr embed; name another --out"),
        ((run, images, "--out", "file/out"), "file: Not a directory; check the path"),
    ):
        assert embed(*arguments) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("leoclr embed: ")
        assert message in line
        assert sorted(tmp_path.rglob("*")) == before


def test_full_disk_leaves_no_incomplete_part(run, image_folder, tmp_path, capsys):
    with full_disk(room=1000):
        assert embed(run, image_folder / "val", "--out", tmp_path / "out") == 2
    assert "part-000000.parquet: File too large; check the path" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["_about.json"]
    assert embed(run, image_folder / "val", "--out", tmp_path / "out") == 0
    assert len(pd.read_parquet(tmp_path / "out")) == 20


def test_features_that_half_precision_cannot_hold_are_refused(run, image_folder, tmp_path, capsys):
    (checkpoint,) = run.glob("*.ckpt")
    content = torch.load(checkpoint)
    for name in ("weight", "bias"):
        content["state_dict"][f"backbone.layer4.1.bn2.{name}"] += 1e6
    torch.save(content, checkpoint)
    out = tmp_path / "out"
    assert embed(run, image_folder / "val", "--out", out, "--dtype", "float16") == 2
    error = capsys.readouterr().err
    assert f"{checkpoint} gives features too large for float16; take --dtype float32" in error
    assert not out.exists()


def test_missing_pyarrow_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    assert embed("run", "photos", "--out", "out") == 2
    assert capsys.readouterr().err == (
        'leoclr embed: writing Parquet needs pyarrow; run: pip install "leoclr-plugin[embed]"\n'
    )


def test_example_of_the_docs_finds_the_image_itself(run, image_folder, tmp_path):
    pytest.importorskip("faiss")
    assert embed(run, image_folder / "val", "--out", tmp_path / "features.parquet") == 0
    page = (ROOT / "docs/evaluation.md").read_text()
    (example,) = re.findall(r"```python\n(import faiss.*?)```", page, re.DOTALL)
    # torch and faiss may bring different libraries of threads, so faiss has its own process.
    process = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) > 2
    assert "class0/000.png" in lines[1]


def test_about_names_what_the_features_depend_on(run, image_folder, tmp_path):
    assert embed(run, image_folder / "val", "--out", tmp_path / "out") == 0
    about = json.loads((tmp_path / "out/_about.json").read_text())
    assert about.keys() == {"network", "size", "dtype", "images", "listing"}
    assert (about["size"], about["images"]) == ([32, 32], 20)
