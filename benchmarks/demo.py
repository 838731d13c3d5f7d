"""Run ``leoclr demo`` with several seeds, and keep what it measured.

usage: python benchmarks/demo.py --out benchmarks/demo.json [--seeds 5 6 7] [--fast]

Each run is a process of its own. To the results of the demo comes the kNN accuracy of the
untrained network when its batch norms have the statistics of the training pictures, as those of a
trained network have: it tells what training adds beyond centring the features.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything
from torch import nn

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.config import load_config
from leoclr_plugin.data.loaders import plain_train_loader
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, write_json
from leoclr_plugin.training.pretrain import build_method, prepare


def demo(out: Path, seed: int, fast: bool) -> dict[str, Any]:
    """Run the command and return its results with the time and the memory that it took."""
    command = ["demo", "--out", str(out), "--seed", str(seed), *(["--fast"] if fast else [])]
    start = time.perf_counter()
    # Its progress bars are of no use here.
    process = subprocess.Popen(
        [sys.executable, "-m", "leoclr_plugin", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"leoclr {' '.join(command)} failed")
    return {
        "fast": fast,
        "command_seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
        **read_json(out / "results.json"),
    }


def untrained_with_statistics(textures: Path, seed: int) -> float:
    """kNN top-1 in percent of the untrained network with batch statistics of the training pictures.

    Args:
        textures: folder of the demo's pictures.
        seed: the demo's.
    """
    folders = [f"data.{split}_path={textures / split}" for split in ("train", "val")]
    cfg = prepare(load_config("textures/leoclr", "pretrain", [*folders, f"seed={seed}"]))
    seed_everything(cfg.seed)
    method, data, size = build_method(cfg).train(), evaluation_cfg(cfg), input_size(cfg)
    for layer in method.backbone.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            # The mean over all batches.
            layer.momentum = None
    with torch.no_grad():
        for images, _ in plain_train_loader(data, size):
            method(images)
    return knn(*train_and_val_features(method, data, size))["top1"]


def main() -> None:
    """Parse the arguments, run the demo and write what it measured after each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6, 7])
    parser.add_argument("--fast", action="store_true", help="run demo --fast as well")
    args = parser.parse_args()
    command = f"python benchmarks/demo.py {' '.join(sys.argv[1:])}"
    results: dict[str, Any] = {"command": command, "environment": environment(), "runs": []}
    for fast in [False, True] if args.fast else [False]:
        for seed in args.seeds:
            with tempfile.TemporaryDirectory() as temporary:
                out = Path(temporary)
                run = demo(out, seed, fast)
                run["untrained_with_statistics_knn_top1"] = untrained_with_statistics(
                    out / "textures", seed
                )
            # Its curves are in the report.
            del run["curves"]
            results["runs"].append(run)
            write_json(args.out, results)


if __name__ == "__main__":
    main()
