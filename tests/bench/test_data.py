import json
import shutil

import pytest
import torch

from tests.conftest import available_hosts, make_image, run_leoclr
from tests.sources import write_tar

pytest.importorskip("nvidia.dali")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    root = tmp_path_factory.mktemp("photographs")
    for number in range(12):
        folder = root / f"group{number % 2}"
        folder.mkdir(exist_ok=True)
        make_image(number, number % 5, (60 + number, 90 - number)).save(folder / f"{number}.jpg")
    return root


def bench(photographs, *args, host="bundled"):
    small = ("--size", 32, "--batch-size", 4, "--workers", 1, "--rounds", 2)
    return run_leoclr("bench", "data", "--data", photographs, *small, *args, host=host)


@pytest.mark.parametrize("host", available_hosts())
def test_one_run_times_all_loaders(photographs, host):
    run = bench(photographs, "--compare", "--json", host=host)
    assert run.returncode == 0, run.stderr[-2000:]
    result = json.loads(run.stdout)
    names = {"three_views", "decode", "decode_resize", "dali", "torchvision", "host_dali"}
    speeds = result["images_per_second"]
    assert set(speeds) == names
    assert (speeds["host_dali"] is None) == (host == "bundled")
    timed = [name for name in names if speeds[name] is not None]
    for name in timed:
        low, high = result["spread"][name]
        assert 0 < low <= speeds[name] <= high
        assert len(result["raw"][name]) == 2
    assert set(result["ratios"]) == set(timed) - {"three_views"}


def test_one_format_alone_as_text(photographs):
    run = bench(photographs, "--format", "dali")
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.startswith("three_views ")
    assert len(run.stdout.strip().splitlines()) == 1


@pytest.mark.skipif("solo-learn" not in available_hosts(), reason="solo-learn is not there")
def test_images_that_the_hosts_pipeline_cannot_find_are_refused(photographs, tmp_path):
    shutil.copytree(photographs, tmp_path / "deeper")
    run = bench(tmp_path, "--compare", host="solo-learn")
    assert run.returncode == 2
    assert "solo-learn's DALI pipeline needs all images in the folder itself" in run.stderr
    assert "Traceback" not in run.stderr


def test_shards_are_compared_to_what_can_read_them(photographs, tmp_path):
    run = bench(write_tar(photographs, tmp_path / "shards"), "--compare")
    assert run.returncode == 0, run.stderr[-2000:]
    lines = dict(line.split(maxsplit=1) for line in run.stdout.splitlines())
    assert lines["torchvision"] == "not measured: it needs images in files of their own"
    assert lines["host_dali"].startswith("not measured: it needs the real solo-learn, NVIDIA DALI")
    assert all("images/s" in lines[name] for name in ("three_views", "decode", "dali"))


def test_too_few_images_are_refused(tmp_path):
    make_image(0, 0).save(tmp_path / "0.jpg")
    run = bench(tmp_path)
    assert run.returncode == 2
    assert "has 1 images, but a batch takes 4; name more images, or lower" in run.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_missing_gpu_is_refused(photographs):
    run = bench(photographs, "--device", "gpu")
    assert run.returncode == 2
    assert run.stderr.endswith("--device gpu, but there is no GPU; use --device cpu\n")
