"""Measure the time and memory of kNN and the quick linear probe up to the size of ImageNet.

usage: python benchmarks/evaluation_size.py [--images 100000 300000 1281167] [--queries 50000]
       [--out benchmarks/evaluation-size.json]

The features are made: 1,000 classes, 2,048 values, as long and as sparse as a ResNet-50's. Each row
is a process of its own, which collects them as an evaluation does, and then classifies the queries
or trains the probe for one epoch. Times are of the processor, so that other programs count less.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tqdm import tqdm

from leoclr_plugin.config import load_config
from leoclr_plugin.config.keys import LINEAR
from leoclr_plugin.evaluation.bank import FeatureBank
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.linear import linear_on_features, parse_linear
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json

CLASSES, WIDTH, BATCH = 1000, 2048, 1024
HEADER = ("images", "", "collecting, s", "evaluating, s", "peak memory, MiB")


def main() -> None:
    """Measure each row and write the file after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[100_000, 300_000, 1_281_167])
    parser.add_argument("--queries", type=int, default=50_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "evaluation-size.json")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.images[0], args.queries)))
        return
    rows = []
    for images in args.images:
        for what in ("knn", "probe"):
            command = [sys.executable, __file__, "--measure", what, "--images", str(images)]
            command += ["--queries", str(args.queries)]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append({"images": images, "what": what, **json.loads(run.stdout.splitlines()[-1])})
            settings = {"queries": args.queries, "classes": CLASSES, "width": WIDTH}
            write_json(args.out, {"rows": rows, "settings": settings, "environment": environment()})
    keys = ("images", "what", "collecting_seconds", "seconds", "peak_mib")
    table = [[f"{row[key]:.0f}" if key != "what" else row[key] for key in keys] for row in rows]
    print(text_table(HEADER, table))


def measure(what: str, images: int, queries: int) -> dict[str, float]:
    """Collect the features and evaluate them; the figures of one row."""
    start = time.process_time()
    train, val = make_features(images, 0), make_features(queries, 1)
    collected = time.process_time()
    result = knn(train, val) if what == "knn" else one_epoch(train, val)
    return {
        "collecting_seconds": collected - start,
        "seconds": time.process_time() - collected,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        "top1": result["top1"],
        "threads": torch.get_num_threads(),
    }


def make_features(images: int, seed: int) -> Features:
    """Return the features and classes of made images."""
    centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(seed)
    bank = FeatureBank()
    targets = torch.randint(0, CLASSES, (images,), generator=generator)
    for classes in tqdm(targets.split(BATCH), desc="Features"):
        noise = torch.randn(len(classes), WIDTH, generator=generator)
        bank.add((0.2 * centres[classes] + noise).relu(), "made features")
    return bank.features(), targets


def one_epoch(train: Features, val: Features) -> dict[str, float]:
    """Train the probe for one epoch."""
    with TemporaryDirectory() as temporary:
        for number in range(CLASSES):
            (Path(temporary) / f"{number:04}").mkdir()
        overrides = [f"data.{key}_path={temporary}" for key in ("train", "val")]
        overrides += ["max_epochs=1", f"checkpoint.dir={temporary}", "optimizer.lr=1"]
        cfg = load_config("custom/leoclr", LINEAR, [*overrides, "accelerator=cpu"])
        return linear_on_features(parse_linear(cfg), train, val)


if __name__ == "__main__":
    main()
