"""Shared fixtures and helpers: generated images, the wheel, and commands in subprocesses."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.errors import UserError
from leoclr_plugin.host.select import choose_host
from leoclr_plugin.report.environment import OPTIONAL_PACKAGES, version_of
from tests.programs import ROOT, forked_python

pytest_plugins = ["tests.figures", "tests.zoo_fixtures"]
# Jobs on clusters often run in the C locale. The last two variables stop Python from switching to
# UTF-8 by itself.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def pytest_configure() -> None:
    # When pytest-xdist runs several processes, more threads only compete for the same cores.
    threads = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # Lightning's loggers keep the stream of the first test, which is closed in later tests.
    logging.raiseExceptions = False


def pytest_terminal_summary(terminalreporter) -> None:
    """Print at the end which hosts and which optional packages were exercised."""
    write = terminalreporter.write_line
    write(f"hosts exercised: {', '.join(available_hosts())}")
    if "solo-learn" not in available_hosts():
        write("the real solo-learn was NOT exercised: set SOLO_LEARN_HOME to a clone of it")
    for name in OPTIONAL_PACKAGES:
        write(f"optional {name}: {version_of(name) or 'not installed, not exercised'}")


def available_hosts() -> list[str]:
    """Return ``bundled``, and ``solo-learn`` as well when a clone of it is available."""
    previous = os.environ.pop("LEOCLR_HOST", None)
    try:
        found = choose_host().name
    except UserError:
        found = "bundled"
    finally:
        if previous is not None:
            os.environ["LEOCLR_HOST"] = previous
    return ["bundled"] if found == "bundled" else ["bundled", "solo-learn"]


def run_leoclr(
    *args: object,
    cwd: Path | None = None,
    host: str = "bundled",
    stdout: int | IO[bytes] = subprocess.PIPE,
    python: str | None = None,
    **env: str,
):
    """Run the console script in a subprocess and return the completed process.

    Give ``sys.executable`` as ``python`` to test how a command starts.
    """
    return subprocess.run(
        [python or forked_python(), "-m", "leoclr_plugin", *map(str, args)],
        cwd=cwd,
        env={**os.environ, "LEOCLR_HOST": host, "PYTHONPATH": str(ROOT), **env},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@contextmanager
def full_disk(room: int = 1000) -> Iterator[None]:
    """Limit every file to ``room`` bytes; writing more fails with an OSError, as on a full disk."""
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, previous[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)


def make_image(seed: int, label: int, size: tuple[int, int] = (40, 40)) -> Image.Image:
    """Make a noisy RGB image of stripes whose direction depends on the label.

    ``size`` is (height, width) in pixels.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    angle = label * np.pi / 5
    phase = rng.uniform(0, 2 * np.pi)
    stripes = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 0.9 + phase)
    pixels = 128 + 80 * stripes[..., None] + rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_folder(root: Path, per_class: int, classes: int = 5, seed: int = 0) -> Path:
    """Write ``root/<class>/<number>.png``."""
    for label in range(classes):
        folder = root / f"class{label}"
        folder.mkdir(parents=True)
        for i in range(per_class):
            make_image(seed + 1000 * label + i, label).save(folder / f"{i:03}.png")
    return root


def make_labelled(root: Path, **counts: int) -> Path:
    """Fill a folder for each split with so many images that show dogs, cats, both or neither."""
    for split, count in counts.items():
        (root / split).mkdir(parents=True)
        lines = ["image,dog,cat"]
        for i in range(count):
            make_image(i, i % 3).save(root / split / f"{i}.png")
            lines.append(f"{i}.png,{i % 2},{int(i % 3 == 0)}")
        (root / split / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory) -> Path:
    """A folder with ``train`` (8 images of each of 5 classes) and ``val`` (4 of each)."""
    root = tmp_path_factory.mktemp("images")
    make_folder(root / "train", 8)
    make_folder(root / "val", 4, seed=500)
    return root


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """A wheel of the package, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    # Build from a copy, so that no build folder is left in the checkout.
    source = tmp_path_factory.mktemp("source")
    listing = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    for name in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = folder.glob("*.whl")
    return path
