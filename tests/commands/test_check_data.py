import pytest
from PIL import Image

from leoclr_plugin.data.dali import has_dali
from tests.conftest import run_leoclr

needs_dali = pytest.mark.skipif(not has_dali(), reason="DALI is not installed")


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        path = tmp_path / "data" / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (40 * number, 0, 0)).save(path)
    return tmp_path / "data"


def spoil(folder, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:150])


@pytest.mark.parametrize("dali", [[], pytest.param(["--dali"], marks=needs_dali)])
def test_good_images(folder, dali):
    run = run_leoclr("check-data", folder, *dali)
    assert (run.returncode, run.stdout.strip()) == (0, "6 of 6 images are good, 0 bad"), run.stderr


@pytest.mark.parametrize("dali", [[], pytest.param(["--dali"], marks=needs_dali)])
def test_every_bad_image_is_reported_and_left_out_of_the_list(folder, dali):
    spoil(folder, "class0/2.jpg")
    spoil(folder, "class1/5.jpg")
    clean = folder.parent / "clean.txt"
    run = run_leoclr("check-data", folder, "--write-list", clean, *dali)
    assert run.returncode == 1
    bad = [line for line in run.stdout.splitlines() if line.startswith(str(folder))]
    assert [line.split(": ")[0][-12:] for line in bad] == ["class0/2.jpg", "class1/5.jpg"]
    assert "4 of 6 images are good, 2 bad" in run.stdout
    assert clean.read_text().split() == [f"class{i % 2}/{i}.jpg" for i in (0, 4, 1, 3)]


def test_no_images(tmp_path):
    run = run_leoclr("check-data", tmp_path)
    assert run.returncode == 2
    assert run.stderr.strip().endswith("is no folder with images")


def test_a_list_into_a_folder_that_is_not_there_is_refused_before_the_check(folder):
    run = run_leoclr("check-data", folder, "--write-list", folder / "none" / "clean.txt")
    assert run.returncode == 2
    assert run.stderr.strip().endswith("its folder is not there; make it first")
