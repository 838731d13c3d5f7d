"""Damage a file of images again and again, and read it: a crash of a C library ends this process.

usage: python -m tests.faults.store_worker FILE SOURCE FIRST END

``SOURCE`` is what ``data.train_path`` names. Each trial writes its number when it begins and ``ok``
or ``lost`` and the reason when it ends.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from leoclr_plugin.data.images import UnreadableImage
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores import opening
from leoclr_plugin.errors import UserError, one_line
from tests.faults.mutate import mutated

BOUND_S = 20
_MEMORY = 4 << 30  # that a trial may add to what the process has


def damaged(path: Path, number: int, whole: bytes) -> bytes:
    """Return the content of a trial. Parquet and Arrow have their lengths at the end as well."""
    rng = np.random.default_rng(number)
    content = mutated(whole, rng)
    if number % 3 == 0 and len(whole) > 200:
        tail = mutated(whole[-200:], rng)
        content = whole[:-200] + tail
    return content


def read_all(source: str) -> None:
    """Read a source as a training does; each refusal is one line."""
    try:
        store = opening.open_store({"train_path": source}, "train", labelled=True)
        images = Images(store)
        assert len(store.labels) == len(store) > 0, "lengths differ"
        assert 0 <= min(store.labels) <= max(store.labels) < len(store.classes), "labels"
        for index in range(len(store)):
            assert isinstance(store.name(index), str)
            try:
                picture = images.decode(index)
            except UnreadableImage as error:
                assert "\n" not in str(error), "several lines"
                continue
            assert picture.ndim == 3, "no picture"
    except UserError as error:
        assert "\n" not in str(error), "several lines"


def run(path: Path, source: str, first: int, end: int) -> None:
    """Make the trials."""
    whole = path.read_bytes()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY + (8 << 30),) * 2)
    # The memory of a trial is to be freed at once, without a walk through that of torch.
    gc.freeze()
    for number in range(first, end):
        print(number, end=" ", flush=True)
        path.write_bytes(damaged(path, number, whole))
        # A hang ends this process.
        signal.alarm(BOUND_S)
        try:
            read_all(source)
            print("ok", flush=True)
        except Exception as error:
            print(f"lost {type(error).__name__}: {one_line(error)[:200]}", flush=True)
        signal.alarm(0)
        os.utime(path, ns=(number, number))
    path.write_bytes(whole)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
