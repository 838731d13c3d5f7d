"""Damaged HDF5, Parquet and Arrow files and indexes of tar shards: refused, or read, and no crash.

``test_files`` damages tar shards themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leoclr_plugin.data.stores.tar_index import ENDING, index_of
from tests.conftest import make_folder
from tests.faults.mutate import mutated
from tests.faults.record import scaled
from tests.programs import ROOT
from tests.sources import NEEDS, WRITERS

NUMBER = 5000
_BATCH = 1250
# The sizes of the files that are damaged are a few kilobytes: two classes with two images.
_FILES = {"h5": "out.h5", "parquet": "out-0.parquet", "arrow": "out/*.arrow"}


def outcomes(path: Path, source: str, number: int, folder: Path):
    """Yield the outcome of each trial; a process that ended early is followed by another."""
    first, whole = 0, path.read_bytes()
    while first < number:
        path.write_bytes(whole)
        end = min(number, first + _BATCH)
        worker = [sys.executable, "-m", "tests.faults.store_worker", path, source]
        run = subprocess.run(
            [*map(str, worker), str(first), str(end)],
            cwd=ROOT,
            env={**os.environ, "HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            errors="replace",
        )
        assert run.stdout, run.stderr[-2000:]
        for line in run.stdout.splitlines():
            trial, _, outcome = line.partition(" ")
            yield int(trial), outcome or f"the process ended with code {run.returncode}"
            first = int(trial) + 1


@pytest.mark.parametrize("kind", _FILES)
def test_damaged_stores(kind, tmp_path, case):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    row = case("files", f"bytes of a source of images, {kind}")
    data = tmp_path / "data"
    data.mkdir()
    source = WRITERS[kind](make_folder(tmp_path / "images", 2, 2), data / "out")
    (path,) = data.glob(_FILES[kind])
    whole, there = path.read_bytes(), sorted(tmp_path.rglob("*"))
    # One of the two Parquet files is enough.
    source = str(path) if kind == "parquet" else source
    for number, outcome in outcomes(path, source, scaled(NUMBER), data):
        with row.trial(f"number {number}"):
            assert outcome == "ok", outcome
    path.write_bytes(whole)
    left = [path for path in tmp_path.rglob("*") if "cache" not in path.parts]
    assert sorted(path for path in left if path.suffix != ".leoclr-index") == there


def test_damaged_indexes_of_shards(tmp_path, case):
    """An index that is damaged is made again, or is that of the shard."""
    row = case("files", "bytes of the index of a tar shard")
    WRITERS["tar"](make_folder(tmp_path / "images", 2, 2), tmp_path / "out")
    shard = tmp_path / "out-0.tar"
    expected = index_of(shard, None, None)
    index = shard.with_name(shard.name + ENDING)

    whole, there = index.read_bytes(), sorted(tmp_path.rglob("*"))
    rng = np.random.default_rng(0)
    for number in range(scaled(NUMBER)):
        index.write_bytes(mutated(whole, rng))
        with row.trial(number):
            found = index_of(shard, None, None)
            assert list(found.names) == list(expected.names), "other names"
            for name in ("places", "sizes", "codes"):
                assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
            assert found.texts == expected.texts
    assert sorted(tmp_path.rglob("*")) == there
