"""A long training and many trainings hold no more at their end than at their beginning."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.configs import small_config
from tests.conftest import make_folder
from tests.faults.record import Case, scaled
from tests.programs import ROOT, forked_python
from tests.training.test_interruption import FORMATS

# The most that each may grow. Python's table of interned texts may grow once, by 7 MiB. The
# allocator keeps what was given back to it, which stays resident.
_MOST = {"MiB": 24, "MiB in use": 16, "handles": 1, "threads": 1}
_SMALL = (
    *("method_kwargs.proj_hidden_dim=32", "method_kwargs.proj_output_dim=16", "accelerator=cpu"),
    *("method_kwargs.queue_size=64", "precision=32", "data.num_workers=1"),
    *("+enable_progress_bar=False", "+num_sanity_val_steps=0"),
)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """A folder of images for 100 steps in an epoch."""
    root = tmp_path_factory.mktemp("images")
    make_folder(root / "train", 160)
    make_folder(root / "val", 4, seed=500)
    return root


def run(row: Case, what: str, number: int, images: Path, out: Path, *overrides: str) -> None:
    """Run ``tests.faults.long_runs`` and try that nothing grows after its first fifth."""
    samples = out / "samples.json"
    command = [forked_python(), "-m", "tests.faults.long_runs", what, f"{number}", samples]
    words = [*small_config(images), *_SMALL, f"checkpoint.dir={out}", *overrides]
    done = subprocess.run(
        [*map(str, command), *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    grows(row, np.array(json.loads(samples.read_text())))


def grows(row: Case, samples: np.ndarray) -> None:
    """Fit a line to each column of the samples, and note its rise over the whole run."""
    samples = samples[len(samples) // 5 :]
    places, *columns = samples.T
    for (name, most), values in zip(_MOST.items(), columns, strict=True):
        slope = np.polyfit(places, values, 1)[0]
        row.slopes[name] = round(slope * places[-1], 2) + 0.0
        with row.trial(name):
            assert row.slopes[name] < most


@pytest.mark.parametrize("form", FORMATS)
def test_a_long_training(form, images, tmp_path, case):
    steps = scaled(10_000, 2000)
    row = case("long runs", f"training of {steps:,} steps, {form}")
    run(row, "steps", steps, images, tmp_path, f"data.format={form}", "max_epochs=1000")


@pytest.mark.parametrize("form", FORMATS)
def test_many_trainings(form, images, tmp_path, case):
    # The allocator has what it needs after 20 trainings, which a fifth must contain.
    trainings = scaled(200, 100)
    row = case("long runs", f"{trainings} trainings in one process, {form}")
    once = (f"data.format={form}", "max_epochs=1", "+limit_train_batches=3")
    run(row, "trainings", trainings, images, tmp_path, *once)
