"""Run a long training, or many trainings, and write what the process held meanwhile.

usage: python -m tests.faults.long_runs steps|trainings NUMBER SAMPLES CONFIG [key=value ...]

``SAMPLES`` becomes a JSON file: a list of ``[done, resident MiB, MiB in use, file handles,
threads]``, with every 100 steps or every training one. Memory is in use while the program holds it.
What the program gave back stays resident as long as glibc's allocator keeps it for later.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from pathlib import Path

from lightning.pytorch import Callback

from leoclr_plugin.config import load_config
from leoclr_plugin.training.pretrain import pretrain

_EVERY = 100
Sampled = list[tuple[int, float, float, int, int]]


class _Mallinfo2(ctypes.Structure):
    """What glibc's ``mallinfo2`` returns, in bytes."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def in_use() -> int:
    """Return how many bytes glibc's allocator has handed out: from its arenas and as mappings."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    info = mallinfo2()
    return info.uordblks + info.hblkhd


def held() -> tuple[float, float, int, int]:
    """Return the process's resident MiB, MiB in use, and numbers of file handles and threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    handles, threads = (len([*Path("/proc/self", name).iterdir()]) for name in ("fd", "task"))
    return resident / 2**20, in_use() / 2**20, handles, threads


class Sample(Callback):
    """Sample what the process holds every 100 steps."""

    def __init__(self) -> None:
        self.samples: Sampled = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step % _EVERY == 0:
            self.samples.append((trainer.global_step, *held()))


def steps(number: int, config: str, overrides: list[str]) -> Sampled:
    """Train ``number`` steps."""
    sample = Sample()
    pretrain(load_config(config, "pretrain", [*overrides, f"+max_steps={number}"]), [sample])
    return sample.samples


def trainings(number: int, config: str, overrides: list[str]) -> Sampled:
    """Train ``number`` times."""
    samples = []
    for done in range(1, number + 1):
        pretrain(load_config(config, "pretrain", overrides))
        samples.append((done, *held()))
    return samples


if __name__ == "__main__":
    what, number, path, config, *overrides = sys.argv[1:]
    run = {"steps": steps, "trainings": trainings}[what]
    Path(path).write_text(json.dumps(run(int(number), config, overrides)))
