"""Measure how the time and memory of a LeOCLR step grow with each setting; write raw JSON.

usage: python benchmarks/scaling.py OUT.json [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from leoclr_plugin.bench.memory import peak_mib
from leoclr_plugin.bench.step import StepRunner
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, write_json

BASE = {"batch_size": 32, "size": 64, "crops": 2, "queue_size": 65536}
AXES = {
    "queue_size": [4096, 16384, 65536, 262144, 1048576],
    "batch_size": [16, 32, 64, 128],
    "size": [32, 64, 96, 128],
    "crops": [1, 2, 4, 8],
}
PROCESSES = [1, 2, 4]
WARMUP_STEPS = 2
# In the runs of several processes each process has batches of so many images, for so many steps.
IMAGES, STEPS = 32, 12


def measure(point: dict[str, int], rounds: int) -> dict[str, Any]:
    """Return the seconds of ``rounds`` steps and the memory of one step, with these settings."""
    changes = {"method_kwargs.queue_size": point["queue_size"]}
    runner = StepRunner(
        "leoclr",
        "resnet18",
        point["batch_size"],
        point["size"],
        "32",
        crops=point["crops"],
        changes=changes,
    )
    seconds = [runner.timed_step() for _ in range(WARMUP_STEPS + rounds)][WARMUP_STEPS:]
    queue = runner.model.queue
    return {
        "seconds": median(seconds),
        "raw_seconds": seconds,
        "peak_mib": peak_mib(runner.step, runner.where),
        "queue_mib": queue.numel() * queue.element_size() / 2**20,
    }


def process_seconds(processes: int, folder: Path) -> dict[str, Any]:
    """Return the median seconds of a step when ``processes`` train, each with its own batch."""
    out = folder / f"{processes}.json"
    command = [sys.executable, __file__, str(out), "--train", str(processes)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return read_json(out)


def train(out: Path, processes: int) -> None:
    """Train for some steps on random images, as ``leoclr pretrain`` does, and write the median."""
    from leoclr_plugin.compare.worker import StepTimes
    from leoclr_plugin.config import load_config
    from leoclr_plugin.training.pretrain import pretrain

    data = out.parent / f"images{processes}"
    if os.environ.get("LOCAL_RANK", "0") == "0":
        _make_images(data, processes * IMAGES * STEPS)
    cfg = load_config(
        "custom/leoclr",
        "pretrain",
        [
            f"data.train_path={data}",
            "data.val_path=null",
            "data.num_workers=0",
            "augmentations.0.crop_size=64",
            "augmentations.1.crop_size=[64,64]",
            f"optimizer.batch_size={IMAGES}",
            "max_epochs=1",
            "accelerator=cpu",
            f"devices={processes}",
            "checkpoint.enabled=False",
            f"checkpoint.dir={out.parent}",
            "+enable_progress_bar=False",
        ],
    )
    times = StepTimes()
    pretrain(cfg, [times])
    if os.environ.get("LOCAL_RANK", "0") == "0":
        write_json(out, {"seconds": median(times.seconds), "raw_seconds": times.seconds})


def _make_images(folder: Path, number: int) -> None:
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    (folder / "all").mkdir(parents=True)
    for i in range(number):
        Image.fromarray(pixels[i % 16]).save(folder / "all" / f"{i:05}.jpg")


def main() -> None:
    """Measure each value of each setting, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train", type=int, help="used by the script itself")
    args = parser.parse_args()
    if args.train:
        train(args.out, args.train)
        return
    axes: dict[str, dict[int, Any]] = {}
    for axis, values in tqdm(AXES.items(), desc="Axes"):
        axes[axis] = {v: measure({**BASE, axis: v}, args.rounds) for v in tqdm(values, desc=axis)}
    with tempfile.TemporaryDirectory() as folder:
        axes["processes"] = {n: process_seconds(n, Path(folder)) for n in tqdm(PROCESSES)}
    write_json(args.out, {"base": BASE, "axes": axes, "environment": environment()})


if __name__ == "__main__":
    main()
