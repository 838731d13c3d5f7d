"""Measure the processor time per image, and images per second, of parts of a loader.

usage: python benchmarks/data_profile.py FOLDER [--format dali] [--size 224] [--device gpu]
       [--batch-size 32] [--threads 2] [--rounds 9] [--out benchmarks/data-profile.json]

The processor time is the sum over all threads. Other work on the machine disturbs it less than it
disturbs images per second. On a GPU only images per second matter.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from tqdm import tqdm

from leoclr_plugin.bench.bounds import decode_and_resize
from leoclr_plugin.bench.data import endless, get_ready, three_views_config
from leoclr_plugin.data import opencv
from leoclr_plugin.data.cache import decode_all
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import folder_store
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json
from leoclr_plugin.training.pretrain import prepare

BATCHES = 6
PROBS = {"color_jitter": 0.8, "grayscale": 0.2, "gaussian_blur": 0.5, "horizontal_flip": 0.5}
PREFETCH = (1, 2, 3, 4)
HW_DECODER_LOADS = (0.0, 0.25, 0.5, 0.65, 0.8, 0.9, 1.0)
CACHE_MB = 2000
COLOUR = ("color_jitter", "grayscale")
WITHOUT_OPENCV = "all, colours and blur by torch"


def views(
    folder: Path,
    form: str,
    settings: dict[str, Any],
    augmentations: tuple[str, ...],
    **changes: float,
) -> Iterator[Any]:
    """Yield batches with only these augmentations; ``changes`` sets dotted keys."""
    cfg = three_views_config(folder, form, **settings)
    for key, value in changes.items():
        node, _, name = key.partition("__")
        cfg[node][name] = value
    for node in cfg.augmentations:
        for name, prob in PROBS.items():
            node[name].prob = prob if name in augmentations else 0.0
    return endless(pretrain_loader(prepare(cfg)))


def measure(name: str, batches: Iterator[Any], batch_size: int) -> tuple[float, float]:
    """Return the next batches' processor time per image in ms, and their images per second."""
    patch = mock.patch.object(opencv, "has_opencv", lambda: False)
    without = patch if name == WITHOUT_OPENCV else nullcontext()
    with without:
        get_ready(batches)
        processor, wall = time.process_time(), time.perf_counter()
        for _ in range(BATCHES):
            next(batches)
    images = BATCHES * batch_size
    return (
        1000 * (time.process_time() - processor) / images,
        images / (time.perf_counter() - wall),
    )


def main() -> None:
    """Measure in turns, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=("image_folder", "dali"), default="image_folder")
    parser.add_argument(
        "--size", type=int, default=224, help="height and width of a view in pixels"
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    default = Path(__file__).parent / "data-profile.json"
    parser.add_argument("--out", type=Path, default=default)
    args = parser.parse_args()
    settings = {
        "size": args.size,
        "batch_size": args.batch_size,
        "workers": args.threads,
        "device": args.device,
    }
    some = partial(views, args.folder, args.format, settings)
    everything = partial(some, tuple(PROBS))
    images = Images(folder_store([args.folder], labelled=False))
    parts = {
        "decoding alone": decode_and_resize(images, 0, **settings),
        "decoding and three resizes": decode_and_resize(images, 3, **settings),
        "three views, resized or cropped, and normalised": some(()),
        "and jitter and grey": some(COLOUR),
        "and blur, without jitter": some(("gaussian_blur",)),
        "all": everything(),
        "all, decoded images in memory": everything(data__cache_mb=CACHE_MB),
    }
    if args.format == "image_folder":
        parts[WITHOUT_OPENCV] = everything()
    elif args.device == "gpu":
        for depth in PREFETCH:
            parts[f"all, prefetch {depth}"] = everything(dali__prefetch=depth)
        for load in HW_DECODER_LOADS:
            parts[f"all, hw_decoder_load {load}"] = everything(dali__hw_decoder_load=load)
    for name, batches in parts.items():
        measure(name, batches, args.batch_size)
    raw: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in tqdm(range(args.rounds), desc="Rounds", leave=False):
        for name, batches in parts.items():
            raw[name].append(measure(name, batches, args.batch_size))
    medians = {
        name: [median(column) for column in zip(*values, strict=True)]
        for name, values in raw.items()
    }
    decoded = decode_all(images, CACHE_MB, args.threads)
    content = {
        "columns": ["milliseconds_per_image", "images_per_second"],
        "median": medians,
        "raw": raw,
        "decoded_mb": sum(image.nbytes for image in decoded) / 1e6,
        "settings": {
            **settings,
            "format": args.format,
            "rounds": args.rounds,
            "batches": BATCHES,
        },
        "environment": environment(),
    }
    write_json(args.out, content)
    rows = []
    for name, values in raw.items():
        times, speeds = zip(*values, strict=True)
        spread = f"{median(times):.2f} ({min(times):.2f} to {max(times):.2f})"
        rows.append((name, spread, f"{median(speeds):.0f}"))
    print(text_table(("", "ms an image", "images/s"), rows))


if __name__ == "__main__":
    main()
