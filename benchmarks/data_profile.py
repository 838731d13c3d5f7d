"""Processor time per image of the DALI graph, one part of it after another.

usage: python benchmarks/data_profile.py FOLDER

Time of all threads, which other work on the machine disturbs less than images per second. The
prefetch depths are all of the graph, and have images per second as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from tqdm import tqdm

from leoclr_plugin.benchmarks.data import decode_and_resize, endless, three_views_config
from leoclr_plugin.data.dali import resize
from leoclr_plugin.data.images import list_images
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.environment import environment
from leoclr_plugin.evaluation.results import write_json
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.training.pretrain import prepare

SETTINGS = {"size": 224, "batch_size": 32, "workers": 2, "device": "cpu"}
ROUNDS, BATCHES, READY = 9, 6, 6
PROBS = {"color_jitter": 0.8, "grayscale": 0.2, "gaussian_blur": 0.5, "horizontal_flip": 0.5}
PREFETCH = (1, 2, 3, 4)
CACHE_MB = 2000
COLOUR = ("color_jitter", "grayscale")


def views(
    folder: Path, augmentations: tuple[str, ...], prefetch: int = 2, cache_mb: int = 0
) -> Iterator[Any]:
    """Batches of the graph with these augmentations alone."""
    cfg = three_views_config(folder, "dali", **SETTINGS)
    cfg.dali.prefetch, cfg.dali.cache_mb = prefetch, cache_mb
    for node in cfg.augmentations:
        for name, prob in PROBS.items():
            node[name].prob = prob if name in augmentations else 0.0
    return endless(pretrain_loader(prepare(cfg)))


def dali_resizes(paths: list[str]) -> Iterator[Any]:
    """Decoding and three resizes, these by DALI's own operator."""
    with mock.patch.object(resize, "torch_resize", lambda threads: resize.dali_resize):
        return decode_and_resize(paths, 3, **SETTINGS)


def measure(batches: Iterator[Any]) -> tuple[float, float]:
    """Processor time per image of the next batches in ms, and images per second."""
    # What was made ahead in the others' turns would cost nothing here.
    for _ in range(READY):
        next(batches)
    processor, wall = time.process_time(), time.perf_counter()
    for _ in range(BATCHES):
        next(batches)
    images = BATCHES * SETTINGS["batch_size"]
    return (
        1000 * (time.process_time() - processor) / images,
        images / (time.perf_counter() - wall),
    )


def main(folder: Path) -> None:
    """Measure in turns, write ``data-profile.json`` and print the table."""
    paths = [str(path) for path in list_images(folder)]
    parts = {
        "decoding alone": decode_and_resize(paths, 0, **SETTINGS),
        "decoding and three resizes": decode_and_resize(paths, 3, **SETTINGS),
        "decoding and three resizes by DALI": dali_resizes(paths),
        "three views, resized or cropped, and normalised": views(folder, ()),
        "and jitter and grey": views(folder, COLOUR),
        "and blur, without jitter": views(folder, ("gaussian_blur",)),
        **{f"all, prefetch {depth}": views(folder, tuple(PROBS), depth) for depth in PREFETCH},
        "all, decoded images in memory": views(folder, tuple(PROBS), cache_mb=CACHE_MB),
    }
    for batches in parts.values():
        measure(batches)
    raw: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in tqdm(range(ROUNDS), desc="Rounds", leave=False):
        for name, batches in parts.items():
            raw[name].append(measure(batches))
    medians = {
        name: [median(column) for column in zip(*values, strict=True)]
        for name, values in raw.items()
    }
    content = {
        "columns": ["milliseconds_per_image", "images_per_second"],
        "median": medians,
        "raw": raw,
        "settings": {**SETTINGS, "rounds": ROUNDS, "batches": BATCHES},
        "environment": environment(),
    }
    write_json(Path(__file__).parent / "data-profile.json", content)
    rows = []
    for name, values in raw.items():
        times, speeds = zip(*values, strict=True)
        spread = f"{median(times):.1f} ({min(times):.1f} to {max(times):.1f})"
        rows.append((name, spread, f"{median(speeds):.0f}"))
    print(text_table(("", "ms an image", "images/s"), rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
