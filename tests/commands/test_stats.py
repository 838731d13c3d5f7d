"""Test ``leoclr stats`` against numpy, and a training on what it writes."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leoclr_plugin.commands.main import main
from tests.configs import small_config
from tests.conftest import available_hosts, run_leoclr

OFF = [
    f"augmentations.{i}.{key}=0"
    for i in range(2)
    for key in ("color_jitter.saturation", "color_jitter.hue", "grayscale.prob")
]


def grey16(folder: Path, count: int = 8) -> list[np.ndarray]:
    """Write grey PNGs of 16 bits in two class folders: all are darker than a 200th of the range.

    In the 8 bits of RGB, both classes would be of one level.
    """
    rng = np.random.default_rng(0)
    images = []
    for number, base in enumerate((20, 150)):
        (folder / str(number)).mkdir(parents=True)
        for i in range(count):
            levels = rng.integers(base, base + 80, (30 + i, 40)).astype(np.uint16)
            Image.fromarray(levels).save(folder / str(number) / f"{i}.png")
            images.append(levels)
    return images


def numbers(text: str, key: str) -> list[float]:
    return [float(number) for number in re.search(rf"data\.{key}=\[(.*?)\]", text)[1].split(",")]


@pytest.mark.parametrize(
    ("words", "channels", "scale"),
    [
        (["--channels", "1"], 1, 65535),
        (["--channels", "1", "--range", "0", "4095"], 1, 4095),
        (["--channels", "3"], 3, 65535),
    ],
)
def test_agrees_with_numpy(words, channels, scale, tmp_path, capsys):
    levels = np.concatenate([image.ravel() for image in grey16(tmp_path / "x")]) / scale
    assert main(["stats", str(tmp_path / "x"), *words, "--out", str(tmp_path / "stats.txt")]) == 0
    line = (tmp_path / "stats.txt").read_text()
    assert line in capsys.readouterr().out
    assert numbers(line, "mean") == pytest.approx([levels.mean()] * channels, rel=1e-4)
    assert numbers(line, "std") == pytest.approx([levels.std()] * channels, rel=1e-4)
    assert line.startswith(f"+data.channels={channels} ")
    assert ("+data.range=[0.0,4095.0] " in line) == (scale == 4095)


def test_rgb_of_8_bits_and_channels_of_their_own(tmp_path, capsys):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 200, (20 + i, 30, 3)).astype(np.uint8) // [1, 2, 3] for i in range(5)]
    for i, image in enumerate(images):
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"{i}.png")
    assert main(["stats", str(tmp_path)]) == 0
    line = capsys.readouterr().out
    levels = np.concatenate([image.reshape(-1, 3) for image in images]) / 255
    assert numbers(line, "mean") == pytest.approx(levels.mean(axis=0), rel=1e-4)
    assert numbers(line, "std") == pytest.approx(levels.std(axis=0), rel=1e-4)
    assert "data.channels" not in line


def test_levels_outside_of_the_range_are_told_with_those_of_all_images(tmp_path, capsys):
    for i, high in enumerate((1.0, 700.0, 300.0)):
        np.save(tmp_path / f"{i}.npy", np.linspace(-high, high, 20).reshape(4, 5))
    assert main(["stats", str(tmp_path), "--channels", "1"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "0.npy cannot be read: its levels of float64 go from -1 to 1, and auto" in error
    assert error.endswith("the levels of all 3 images go from -700 to 700")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--channels", "99"], "data.channels=99 must be auto or a whole number from 1 to 16"),
        (["--range", "5", "-5"], "data.range=[5,-5] must have two levels, the lower one first"),
        (["--clip"], "data.clip=True needs to know the range"),
        (["--channels", "2"], "it has 1 channel, and data.channels=2"),
        (["--out", "nowhere/stats.txt"], "the folder nowhere is not there"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, reason, tmp_path, capsys):
    grey16(tmp_path, 1)
    assert main(["stats", str(tmp_path), *words]) == 2
    assert reason in capsys.readouterr().err


def test_images_without_contrast_have_no_standard_deviation(tmp_path, capsys):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    assert main(["stats", str(tmp_path)]) == 2
    assert "channel 0 is the same in all pixels" in capsys.readouterr().err
    assert main(["stats", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is not there" in capsys.readouterr().err


@pytest.mark.parametrize("host", available_hosts())
def test_grey_of_16_bits_is_trained_on_and_evaluated(host, tmp_path):
    for split in ("train", "val"):
        grey16(tmp_path / split)
    run = run_leoclr("stats", "train", "--channels", "1", "--out", "stats.txt", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    words = shlex.split((tmp_path / "stats.txt").read_text())
    settings = [*words, *OFF, "max_epochs=1", "checkpoint.enabled=True", "accelerator=cpu"]
    run = run_leoclr(
        "pretrain", *small_config(tmp_path), *settings, "seed=1", cwd=tmp_path, host=host
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (tmp_path / "trained_models" / "leoclr").iterdir()
    run = run_leoclr("knn", folder, "--k", "1", cwd=tmp_path, host=host)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "top-1 100.00 %" in run.stdout
    run = run_leoclr("linear", folder, "data.channels=3", cwd=tmp_path, host=host)
    assert run.returncode == 2
    assert "data.channels=3, but the checkpoint's is 1; leave it out" in run.stderr
