"""Processor time per image of the DALI graph, one part of it after another.

usage: python benchmarks/data_profile.py FOLDER

Time of all threads, which other work on the machine disturbs less than images per second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from leoclr_plugin.benchmarks.data import decode_and_resize, endless, three_views_config
from leoclr_plugin.data.images import list_images
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.environment import environment
from leoclr_plugin.evaluation.results import write_json
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.training.pretrain import prepare

SETTINGS = {"size": 224, "batch_size": 32, "workers": 2, "device": "cpu"}
ROUNDS, BATCHES, WARMUP = 5, 4, 4
PROBS = {"color_jitter": 0.8, "grayscale": 0.2, "gaussian_blur": 0.5, "horizontal_flip": 0.5}
COLOUR = ("color_jitter", "grayscale")


def views(folder: Path, augmentations: tuple[str, ...]) -> Iterator[Any]:
    """Batches of the graph with these augmentations alone."""
    cfg = three_views_config(folder, "dali", **SETTINGS)
    for node in cfg.augmentations:
        for name, prob in PROBS.items():
            node[name].prob = prob if name in augmentations else 0.0
    return endless(pretrain_loader(prepare(cfg)))


def milliseconds(batches: Iterator[Any]) -> float:
    """Processor time per image of the next batches."""
    start = time.process_time()
    for _ in range(BATCHES):
        next(batches)
    return 1000 * (time.process_time() - start) / (BATCHES * SETTINGS["batch_size"])


def main(folder: Path) -> None:
    """Measure in turns, write ``data-profile.json`` and print the table."""
    paths = [str(path) for path in list_images(folder)]
    parts = {
        "decoding alone": decode_and_resize(paths, 0, **SETTINGS),
        "decoding and three resizes": decode_and_resize(paths, 3, **SETTINGS),
        "three views, resized or cropped, and normalised": views(folder, ()),
        "and jitter and grey": views(folder, COLOUR),
        "and blur, without jitter": views(folder, ("gaussian_blur",)),
        "all": views(folder, tuple(PROBS)),
    }
    for batches in parts.values():
        for _ in range(WARMUP):
            next(batches)
    raw: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, batches in parts.items():
            raw[name].append(milliseconds(batches))
    content = {
        "milliseconds_per_image": {name: median(values) for name, values in raw.items()},
        "raw": raw,
        "settings": {**SETTINGS, "rounds": ROUNDS, "batches": BATCHES},
        "environment": environment(),
    }
    write_json(Path(__file__).parent / "data-profile.json", content)
    rows = [(name, f"{median(v):.1f}", f"{min(v):.1f} to {max(v):.1f}") for name, v in raw.items()]
    print(text_table(("", "ms an image", "least to largest"), rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
