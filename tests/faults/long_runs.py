"""Run a long training, or many trainings, and write what the process held meanwhile.

usage: python -m tests.faults.long_runs steps|trainings NUMBER SAMPLES CONFIG [key=value ...]

``SAMPLES`` becomes a JSON file: a list of ``[done, MiB, file handles, threads]``, with every 100
steps or every training one. The memory is the resident one.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

from lightning.pytorch import Callback

from leoclr_plugin.config import load_config
from leoclr_plugin.training.pretrain import pretrain

_EVERY = 100


def held() -> tuple[float, int, int]:
    """Return the process's resident memory in MiB, and its numbers of file handles and threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    handles, threads = (len([*Path("/proc/self", name).iterdir()]) for name in ("fd", "task"))
    return memory, handles, threads


class Sample(Callback):
    """Sample what the process holds every 100 steps."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, float, int, int]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step % _EVERY == 0:
            self.samples.append((trainer.global_step, *held()))


def steps(number: int, config: str, overrides: list[str]) -> list[tuple[int, float, int, int]]:
    """Train ``number`` steps."""
    sample = Sample()
    pretrain(load_config(config, "pretrain", [*overrides, f"+max_steps={number}"]), [sample])
    return sample.samples


def trainings(number: int, config: str, overrides: list[str]) -> list[tuple[int, float, int, int]]:
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
