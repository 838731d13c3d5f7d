"""Test ``leoclr check-data``."""

import os
import sys

import pytest
from omegaconf import OmegaConf
from PIL import Image

from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.data.datasets import build_dataset
from tests.conftest import ASCII, run_leoclr

needs_dali = pytest.mark.skipif(not has_dali(), reason="DALI is not installed")


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        path = tmp_path / "data" / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (40 * number, 0, 0)).save(path)
    return tmp_path / "data"


def truncate(folder, name: str) -> None:
    """Cut off an image after its first 150 bytes."""
    path = folder / name
    path.write_bytes(path.read_bytes()[:150])


@pytest.mark.parametrize("dali", [[], pytest.param(["--dali"], marks=needs_dali)])
def test_good_images_are_counted(folder, dali):
    run = run_leoclr("check-data", folder, *dali)
    assert (run.returncode, run.stdout.strip()) == (0, "6 of 6 images are good, 0 bad"), run.stderr


@pytest.mark.parametrize("dali", [[], pytest.param(["--dali"], marks=needs_dali)])
def test_bad_images_are_reported_and_left_out_of_the_list(folder, dali):
    truncate(folder, "class0/2.jpg")
    truncate(folder, "class1/5.jpg")
    clean = folder.parent / "clean.txt"
    run = run_leoclr("check-data", folder, "--write-list", clean, *dali)
    assert run.returncode == 1
    bad = [line for line in run.stdout.splitlines() if line.startswith(str(folder))]
    assert [line.split(": ")[0][-12:] for line in bad] == ["class0/2.jpg", "class1/5.jpg"]
    assert "4 of 6 images are good, 2 bad" in run.stdout
    assert clean.read_text().split() == [f"class{i % 2}/{i}.jpg" for i in (0, 4, 1, 3)]


@needs_dali
def test_image_that_only_dali_cannot_decode_is_bad_only_with_dali(folder):
    Image.new("RGB", (9, 9)).save(folder / "class0" / "2.jpg", "GIF")
    assert run_leoclr("check-data", folder).returncode == 0
    run = run_leoclr("check-data", folder, "--dali")
    assert run.returncode == 1
    assert f"{folder}/class0/2.jpg: DALI cannot decode it\n5 of 6 images are good" in run.stdout


@pytest.mark.parametrize("env", [{}, {**ASCII, "python": sys.executable}], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("dali", [[], pytest.param(["--dali"], marks=needs_dali)])
def test_names_that_are_not_utf_8_are_kept(folder, dali, env):
    names = [b"\xe9\xfc.jpg", "\u00fc\u2028.jpg".encode(), b"\xffbad.jpg"]
    picture = (folder / "class0" / "0.jpg").read_bytes()
    for name in names:
        (folder / "class1" / os.fsdecode(name)).write_bytes(picture)
    truncate(folder, f"class1/{os.fsdecode(names[2])}")
    clean = folder.parent / "clean.txt"
    run = run_leoclr("check-data", folder, "--write-list", clean, *dali, **env)
    assert run.returncode == 1, run.stderr
    assert "8 of 9 images are good, 1 bad" in run.stdout
    assert f"{folder}/class1/\\udcffbad.jpg: " in run.stdout
    listed = clean.read_bytes().split(b"\n")
    assert set(listed) >= {b"class1/" + names[0], b"class1/" + names[1]}
    assert len(listed) == 9
    data = OmegaConf.create(
        {"dataset": "custom", "train_path": str(folder), "train_list": str(clean)}
    )
    samples = build_dataset(data, "train").samples
    assert {os.fsencode(path).rsplit(b"/", 1)[1] for path, _ in samples} >= set(names[:2])
    assert len(samples) == 8


def test_folder_without_images_is_refused(tmp_path):
    run = run_leoclr("check-data", tmp_path)
    assert run.returncode == 2
    assert run.stderr.strip().startswith(
        f"leoclr check-data: the data folder {tmp_path} holds no image ("
    )


def test_list_in_a_missing_folder_is_refused_before_the_check(folder):
    run = run_leoclr("check-data", folder, "--write-list", folder / "none" / "clean.txt")
    assert run.returncode == 2
    assert run.stderr.strip().endswith(f"the folder {folder / 'none'} is not there; make it first")


def test_partners_that_lie_elsewhere_are_checked_and_not_listed(folder):
    elsewhere = folder.parent / "elsewhere.jpg"
    Image.new("RGB", (9, 9)).save(elsewhere)
    pairs, clean = folder.parent / "pairs.csv", folder.parent / "clean.txt"
    pairs.write_text(f"image,partner\nclass0/0.jpg,{elsewhere}\n")
    run = run_leoclr("check-data", folder, "--pairs", pairs, "--write-list", clean)
    assert run.returncode == 0, run.stderr
    assert "7 of 7 images are good, 0 bad" in run.stdout
    assert len(clean.read_text().split()) == 6
    assert "elsewhere" not in clean.read_text()
