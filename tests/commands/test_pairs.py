"""Test ``leoclr pairs`` as a user types it."""

import csv
import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from leoclr_plugin.commands import pairs_mine
from leoclr_plugin.commands.main import main
from leoclr_plugin.commands.networks import open_encoder
from leoclr_plugin.data.pairs import search
from leoclr_plugin.data.pairs.table import read_pairs
from leoclr_plugin.evaluation import embedding
from leoclr_plugin.methods.leoclr import LeOCLR
from tests.conftest import available_hosts, make_image, run_leoclr
from tests.runs import run_folder

pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("runs") / "run").folder


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pairs(*words: object) -> int:
    return main(["pairs", *map(str, words)])


def mine(*words: object, low: float = 0.5) -> int:
    return pairs("mine", *words, "--min-similarity", low, "--num_workers", 1)


def last_line(capsys) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("host", available_hosts())
def test_pairs_are_mined_reported_and_matched(host, run, image_folder, tmp_path):
    data = image_folder / "val"
    done = run_leoclr(
        *("pairs", "mine", "--data", data, "--encoder", run, "--k", 3, "--num_workers", 1),
        *("--min-similarity", 0.5, "--max-similarity", 1, "--out", "pairs.csv"),
        cwd=tmp_path,
        host=host,
    )
    assert done.returncode == 0, done.stderr
    vectors = np.stack(pd.read_parquet(tmp_path / "pairs.mined/features")["vector"])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    names = [path.relative_to(data).as_posix() for path in sorted(data.rglob("*.png"))]
    expected = {
        (names[i], names[j]): cosines[i, j]
        for i in range(len(names))
        for j in np.argsort(-cosines[i])[:3]
        if cosines[i, j] >= 0.5
    }
    table = read_pairs(tmp_path / "pairs.csv")
    keys = zip(table.images, table.partners, strict=True)
    assert dict(zip(keys, table.scores, strict=True)) == pytest.approx(expected, abs=1e-5)
    assert f"{len(table)} pairs from 0.5 to 1, for 20 of 20 images" in done.stdout

    done = run_leoclr("pairs", "report", "pairs.csv", "--data", data, cwd=tmp_path, host=host)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "pairs-report.json").read_text())
    same = sum(a[:6] == b[:6] for a, b in expected)
    assert (report["pairs"], report["known"], report["same_class"]) == (60, 60, same)
    assert sum(one["pairs"] for one in report["ranges"]) == 60
    assert f"{100 * same / 60:.1f}" in done.stdout
    assert "<svg" in (tmp_path / "pairs-report.html").read_text()
    assert (tmp_path / "pairs-histogram.svg").read_text().startswith("<svg")
    with Image.open(tmp_path / "pairs-grid.png") as grid:
        assert grid.width > 1000

    done = run_leoclr(
        "pairs", "matched", "pairs.csv", "--data", data, "--out", "sets", cwd=tmp_path, host=host
    )
    assert done.returncode == 0, done.stderr
    images = (tmp_path / "sets/images.txt").read_text().splitlines()
    matched = read_pairs(tmp_path / "sets/pairs-instances.csv")
    # Both trainings see these images, and each has a partner of its class among them.
    assert set(matched.images) == set(matched.partners) == set(images)
    assert all(a[:6] == b[:6] for a, b in zip(matched.images, matched.partners, strict=True))
    counts = json.loads((tmp_path / "sets/matched.json").read_text())
    assert sum(counts["pairs_an_epoch_by_class"].values()) == counts["images"] == len(images)

    # Both can be trained on as the command says.
    lines = re.findall(r"^Pairs of .*?: (.*)$", done.stdout, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        trained = run_leoclr(
            *("pretrain", "custom/leoclr", *shlex.split(line), "data.no_labels=True"),
            *("data.val_path=null", "backbone.name=small_convnet", "+fast_dev_run=True"),
            *("optimizer.batch_size=4", "method_kwargs.queue_size=8", "data.num_workers=1"),
            *("augmentations.0.crop_size=16", "augmentations.1.crop_size=[16,16]"),
            *("accelerator=cpu", "precision=32", "strategy=auto", "sync_batchnorm=False"),
            cwd=tmp_path,
            host=host,
        )
        assert trained.returncode == 0, trained.stderr
        told = f"{len(images)} of {len(images)} images have a partner" in trained.stderr
        assert told == ("pairs.file" in line)


def test_features_are_reused_and_an_interrupted_call_goes_on(
    run, image_folder, tmp_path, monkeypatch, capsys
):
    data, out = image_folder / "train", tmp_path / "pairs.csv"
    words = ("--data", data, "--encoder", run, "--out", out, "--batch_size", 8)
    monkeypatch.setattr(embedding, "_IMAGES_A_PART", 8)
    forward, batches = LeOCLR.forward, []

    def interrupt_third(self, images):
        batches.append(len(images))
        if len(batches) == 3:
            raise KeyboardInterrupt
        return forward(self, images)

    monkeypatch.setattr(LeOCLR, "forward", interrupt_third)
    assert mine(*words) == 130
    assert not out.exists()
    assert mine(*words) == 0
    assert sum(batches[3:]) == 24
    first = out.read_bytes()
    # Another band needs neither the network's features nor the neighbours anew.
    batches.clear()
    monkeypatch.setattr(search.ExactSearch, "__call__", None)
    assert mine(*words, low=0.9) == 0
    assert batches == []
    monkeypatch.undo()
    other = tmp_path / "other.parquet"
    features = tmp_path / "pairs.mined/features"
    assert mine("--data", data, "--features", features, "--out", other) == 0
    table = read_pairs(other)
    with out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", "partner", "score"))
        rows = zip(table.images, table.partners, table.scores, strict=True)
        writer.writerows((a, b, f"{score:.6f}") for a, b, score in rows)
    assert out.read_bytes() == first

    capsys.readouterr()
    for wrong, message in (
        (("--data", image_folder / "val", "--features", features), "is of another data set: it"),
        (("--data", data, "--features", data), "was not written by leoclr embed"),
    ):
        assert mine(*wrong, "--out", other) == 2
        assert message in last_line(capsys)
    (features / "part-000004.parquet").unlink()
    assert mine("--data", data, "--features", features, "--out", other) == 2
    assert "holds 32 of 40 images; complete it" in last_line(capsys)


def test_bad_input_is_one_line_and_nothing_is_written(run, image_folder, in_tmp, capsys):
    data = image_folder / "val"
    Path("two").mkdir()
    for number in range(2):
        make_image(number, 0).save(f"two/{number}.png")
    before = sorted(Path().rglob("*"))
    good = ("--data", data, "--encoder", run, "--out", "pairs.csv")
    for words, message in (
        ((*good, "--min-similarity", 1.5), "--min-similarity 1.5: a cosine lies from -1 to 1"),
        ((*good, "--max-similarity", "nan"), "--max-similarity nan: a cosine lies from -1 to 1"),
        ((*good, "--min-similarity", 0.995), "--min-similarity 0.995 is above --max-similarity"),
        ((*good, "--out", "pairs.txt"), "--out pairs.txt must end in .csv, .parquet or .pq"),
        ((*good, "--out", "no/pairs.csv"), "no: No such file or directory"),
        ((*good, "--data", "nowhere"), "nowhere is not there; name a folder of images"),
        ((*good, "--data", "two"), "--k 5: an image of two has only 1 others; lower it"),
        ((*good, "--encoder", "resnet1"), "--encoder resnet1 is no folder of a run, no zoo:NAME"),
        ((*good, "--encoder", "timm:resnet1"), "resnet1 is no model of timm; did you mean"),
        ((*good, "--encoder", "zoo:nothing"), "nothing"),
    ):
        assert pairs("mine", *words, "--num_workers", 1) == 2
        line = last_line(capsys)
        assert line.startswith("leoclr pairs: ")
        assert message in line
        assert sorted(Path().rglob("*")) == before


def test_empty_band_shows_the_histogram_in_words(run, image_folder, in_tmp, capsys):
    words = ("--data", image_folder / "val", "--encoder", run, "--out", "pairs.csv")
    assert pairs("mine", *words, "--min-similarity", -1, "--max-similarity", -0.9) == 2
    line = last_line(capsys)
    assert line.startswith("leoclr pairs: no pair of neighbours has a similarity from -1 to -0.9; ")
    numbers = re.findall(r"(\d+) lie (?:from|below)", line)
    assert sum(map(int, numbers)) == 100
    assert not Path("pairs.csv").exists()


def test_missing_packages_are_one_line(run, image_folder, in_tmp, monkeypatch, capsys):
    words = ("--data", image_folder / "val", "--encoder", run, "--out", "pairs.csv")
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    assert mine(*words, "--search", "ivf") == 2
    assert 'needs faiss; run: pip install "leoclr-plugin[pairs]"' in last_line(capsys)
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    assert mine(*words) == 2
    assert "needs pyarrow" in last_line(capsys)
    assert not list(Path().iterdir())


def test_ivf_search_in_a_process_with_torch(run, image_folder, tmp_path):
    pytest.importorskip("faiss")
    words = ("--data", image_folder / "train", "--encoder", run, "--min-similarity", 0.5)
    for kind in ("exact", "ivf"):
        done = run_leoclr(
            *("pairs", "mine", *words, "--search", kind, "--out", f"{kind}.csv"), cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    # With so few images, faiss makes one list, and looks at all of it.
    tables = [read_pairs(tmp_path / f"{kind}.csv") for kind in ("exact", "ivf")]
    found = [set(zip(table.images, table.partners, strict=True)) for table in tables]
    assert len(found[0] ^ found[1]) < 0.05 * len(found[0])


def test_timm_model_has_its_own_size_crop_and_normalisation(monkeypatch, capsys):
    build, asked = timm.models.vit_tiny_patch16_224, []

    def without_download(pretrained, **kwargs):
        asked.append((kwargs["pretrained_cfg"], pretrained))
        return build(pretrained=False, **kwargs)

    monkeypatch.setattr(timm.models, "vit_tiny_patch16_224", without_download)
    encoder = open_encoder("vit_tiny_patch16_224.augreg_in21k")
    assert asked == [("augreg_in21k", True)]
    config = timm.get_pretrained_cfg("vit_tiny_patch16_224.augreg_in21k")
    assert encoder.view.size == config.input_size[1:]
    assert encoder.view.mean_and_std == (config.mean, config.std) == ((0.5,) * 3, (0.5,) * 3)
    assert encoder.view.resize_shorter == int(224 / config.crop_pct)
    assert encoder.view.bicubic
    with torch.no_grad():
        assert encoder.method(torch.zeros(1, 3, 224, 224))["feats"].shape == (1, 192)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert pairs("mine", "--data", ".", "--encoder", "resnet18", "--out", "a.csv") == 2
    assert capsys.readouterr().err


def test_file_of_another_data_set_is_refused(image_folder, in_tmp, capsys):
    Path("pairs.csv").write_text("image,partner\nclass0/000.png,class9/000.png\n")
    data = image_folder / "val"
    for words in (("report",), ("matched", "--out", "sets")):
        assert pairs(*words, "pairs.csv", "--data", data) == 2
        line = last_line(capsys)
        assert "pairs.csv is of another data set: 1 of its names are no images of" in line
        assert "the first is class9/000.png" in line
    assert [path.name for path in Path().iterdir()] == ["pairs.csv"]


def test_images_without_classes_have_a_report_but_no_matched_sets(in_tmp, capsys):
    Path("photos").mkdir()
    for number in range(3):
        make_image(number, 0).save(f"photos/{number}.png")
    Path("pairs.csv").write_text("image,partner\n0.png,1.png\n")
    assert pairs("report", "pairs.csv", "--data", "photos", "--out", "report") == 0
    assert "no score" in capsys.readouterr().out
    assert len(list(Path("report").iterdir())) == 4
    assert pairs("matched", "pairs.csv", "--data", "photos", "--out", "sets") == 2
    assert "photos has no classes, and the matched sets need them" in last_line(capsys)
    Path("photos/a").mkdir()
    Path("photos/b").mkdir()
    Path("photos/0.png").rename("photos/a/0.png")
    Path("photos/1.png").rename("photos/b/1.png")
    Path("pairs.csv").write_text("image,partner\na/0.png,b/1.png\na/0.png,2.png\n")
    assert pairs("matched", "pairs.csv", "--data", "photos", "--out", "sets") == 2
    assert "has no pair of two images of one class; 1 are of two classes" in last_line(capsys)
    assert not Path("sets").exists()


def test_images_must_be_files_and_have_names_that_parquet_can_hold(run, tmp_path, capsys):
    pd.DataFrame({"image": [b"", b""]}).to_parquet(tmp_path / "images.parquet")
    words = ("--encoder", run, "--out", tmp_path / "pairs.parquet")
    assert mine("--data", tmp_path / "images.parquet", *words) == 2
    assert "pairs need images that are files; name a folder" in last_line(capsys)
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for number in range(8):
        make_image(number, 0).save(folder / f"{number}.png")
    for path in sorted(folder.iterdir()):
        path.rename(folder / (os.fsdecode(b"\xe9") + path.name))
    assert mine("--data", folder, *words) == 2
    assert "Parquet cannot hold the name '\\udce90.png'; take .csv" in last_line(capsys)
    assert mine("--data", folder, *words[:3], tmp_path / "pairs.csv", low=-1) == 0
    assert read_pairs(tmp_path / "pairs.csv").images[0] == os.fsdecode(b"\xe9") + "0.png"


def test_searches_are_those_of_the_help():
    assert pairs_mine._SEARCHES == search.SEARCHES
