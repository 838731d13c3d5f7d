"""Measure what pairs cost the loaders: images/s with every image paired against without pairs.

usage: python benchmarks/pairs_cost.py FOLDER [--size 224] [--workers 2] [--format image_folder]
       [--out benchmarks/pairs-cost.json]

``FOLDER`` has images in class folders. Each image gets another one as its partner, and three views
are made of the two, in turns with three views of the image alone.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import OmegaConf
from tqdm import tqdm

from leoclr_plugin.bench.data import endless, three_views_config
from leoclr_plugin.bench.spread import ratio_spread
from leoclr_plugin.data.images import list_images
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import write_json
from leoclr_plugin.training.pretrain import prepare

ROUNDS, BATCHES, BATCH_SIZE = 7, 8, 32


def main() -> None:
    """Measure, write the file and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--format", choices=("image_folder", "dali"), default="image_folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pairs-cost.json")
    args = parser.parse_args()
    names = [path.relative_to(args.folder).as_posix() for path in list_images(args.folder)]
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "pairs.csv"
        with path.open("w", newline="") as file:
            partners = names[len(names) // 2 :] + names[: len(names) // 2]
            csv.writer(file).writerows([("image", "partner"), *zip(names, partners, strict=True)])
        loaders = {name: loader(args, str(path) if name == "pairs" else None) for name in NAMES}
        raw: dict[str, list[float]] = {name: [] for name in NAMES}
        for _ in tqdm(range(ROUNDS), desc="Rounds", leave=False):
            for name, values in raw.items():
                values.append(speed(loaders[name]))
    content = {
        "ratio": ratio_spread(raw["pairs"], raw["alone"]),
        "images_per_second": {name: median(values) for name, values in raw.items()},
        "raw": raw,
        "settings": {**vars(args), "folder": args.folder.name, "out": args.out.name},
        "environment": environment(),
    }
    write_json(args.out, content)
    print(content["ratio"], content["images_per_second"])


NAMES = ("pairs", "alone")


def loader(args: argparse.Namespace, pairs: str | None) -> Iterator[Any]:
    """Return an endless iterator over batches."""
    cfg = three_views_config(args.folder, args.format, args.size, BATCH_SIZE, args.workers, "cpu")
    if pairs:
        OmegaConf.update(cfg, "data.pairs", {"file": pairs}, force_add=True)
    return endless(pretrain_loader(prepare(cfg)))


def speed(batches: Iterator[Any]) -> float:
    """Return images/s; the first batches were made while the other loader had its turn."""
    for _ in range(4):
        next(batches)
    start = time.perf_counter()
    for _ in range(BATCHES):
        next(batches)
    return BATCHES * BATCH_SIZE / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
