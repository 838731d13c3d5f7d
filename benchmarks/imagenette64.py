"""Evaluate finished Imagenette runs and the untrained network; write the JSON and the curves.

usage: python benchmarks/imagenette64.py LEOCLR_RUN MOCOV2PLUS_RUN
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import torch

from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.compare.worker import evaluate
from leoclr_plugin.evaluation.protocol import LINEAR_EPOCHS
from leoclr_plugin.report.curves import loss_curves, read_metric
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import read_json, write_json
from leoclr_plugin.training.pretrain import build_method

HERE = Path(__file__).parent
CURVES = ("val_knn_acc1", "val_acc1", "train_nce_loss_epoch", "train_z_std_epoch")


def main(runs: list[str]) -> None:
    """Evaluate, write ``imagenette64.json`` and the SVGs, and print the table."""
    results, curves, configs = {}, {}, {}
    for run in runs:
        source = CheckpointFolder.open(run)
        name, size = source.cfg.method, input_size(source.cfg)
        results[name] = evaluate(source.load_method(), source.cfg, size)
        metrics = source.folder / "metrics.csv"
        with metrics.open() as file:
            logged = set(next(csv.reader(file)))
        curves[name] = {key: read_metric(metrics, key) for key in CURVES if key in logged}
        configs[name] = read_json(source.folder / "args.json")
        if name == "leoclr":
            torch.manual_seed(source.cfg.seed)
            results["untrained"] = evaluate(build_method(source.cfg), source.cfg, size)
    content = {
        "results": results,
        "linear_epochs": LINEAR_EPOCHS,
        "curves": curves,
        "configs": configs,
        "environment": environment(),
    }
    write_json(HERE / "imagenette64.json", content)
    for key in ("val_knn_acc1", "train_nce_loss_epoch"):
        lines = {name: curve[key] for name, curve in curves.items()}
        (HERE / f"imagenette64-{key}.svg").write_text(loss_curves(lines) + "\n")
    rows = [(k, f"{v['knn_top1']:.2f}", f"{v['linear_top1']:.2f}") for k, v in results.items()]
    print(text_table(("method", "kNN top-1", "linear top-1"), rows))


if __name__ == "__main__":
    main(sys.argv[1:])
