"""Compare training from files to training on finished views that are in memory already.

usage: python benchmarks/data_training.py FOLDER [--format dali] [--device gpu]
       [--backbone resnet50] [--size 224] [--batch-size 256] [--workers 16] [--precision bf16-mixed]
       [--cache-mb 2000] --out FILE.json

LeOCLR trains on both in turns. A ratio of 1.0 means that reading the files costs no time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import torch
from tqdm import tqdm

from leoclr_plugin.bench.data import endless, three_views_config
from leoclr_plugin.bench.spread import ratio_spread
from leoclr_plugin.bench.step import StepRunner
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import write_json
from leoclr_plugin.training.pretrain import prepare

ROUNDS, STEPS = 5, 8
WARMUP_STEPS = 4


def main() -> None:
    """Measure, write the file and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=("image_folder", "dali"), default="dali")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="gpu")
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--precision", choices=("32", "bf16-mixed"), default="bf16-mixed")
    parser.add_argument(
        "--cache-mb", type=int, default=0, help="memory for decoded images; 0 decodes each time"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    cfg = three_views_config(
        args.folder, args.format, args.size, args.batch_size, args.workers, args.device
    )
    # The precision decides whether the views are in half precision, as in a training.
    cfg.precision = args.precision
    cfg.data.cache_mb = args.cache_mb
    batches = endless(pretrain_loader(prepare(cfg)))
    runner = StepRunner("leoclr", args.backbone, args.batch_size, args.size, args.precision)
    synthetic = runner.batch

    def speed(files: bool) -> float:
        for number in range(WARMUP_STEPS + STEPS):
            if number == WARMUP_STEPS:
                runner.synchronize()
                start = time.perf_counter()
            runner.batch = next(batches) if files else synthetic
            runner.step()
        # The clock waits for the GPU only once, after the last step: a training does not wait for
        # it between steps.
        runner.synchronize()
        return STEPS * args.batch_size / (time.perf_counter() - start)

    raw: dict[str, list[float]] = {"files": [], "synthetic": []}
    for _ in tqdm(range(ROUNDS), desc="Rounds", leave=False):
        for name, values in raw.items():
            values.append(speed(name == "files"))
    ratio = ratio_spread(raw["files"], raw["synthetic"])
    content = {
        "ratio": ratio,
        "images_per_second": {name: median(values) for name, values in raw.items()},
        "raw": raw,
        "settings": {**vars(args), "folder": args.folder.name, "out": args.out.name},
        "environment": environment(),
    }
    if torch.cuda.is_available():
        content["peak_gpu_mib"] = torch.cuda.max_memory_allocated() / 2**20
    write_json(args.out, content)
    print("{median:.3f} ({min:.3f} to {max:.3f}) of the speed without files".format(**ratio))


if __name__ == "__main__":
    main()
