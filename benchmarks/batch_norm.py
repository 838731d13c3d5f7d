"""Collect accuracies and training curves of runs with split and shuffled batch norm.

usage: python benchmarks/batch_norm.py COMPARISON... --out benchmarks/batch-norm.json

``COMPARISON`` is a folder that ``leoclr compare --out COMPARISON`` wrote.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from leoclr_plugin.report.curves import read_resumed_metric
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import read_json, write_json

_TASK = ("train_nce_acc1_epoch", "train_nce_loss_epoch")


def with_task(comparison: Path) -> dict[str, Any]:
    """Return the comparison's results; each run gets its curves (epoch, value) of the task."""
    content = read_json(comparison / "results.json")
    for run in content["runs"]:
        folder = comparison / f"{run['method']}-{run['seed']}"
        record = read_json(folder / "training.json")
        files = [*Path(record["checkpoint"]).parent.glob("*/metrics.csv")]
        run["task"] = {name: read_resumed_metric(files, name) for name in _TASK}
    return content


def main() -> None:
    """Collect the comparisons, write the JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comparisons", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    content = {comparison.name: with_task(comparison) for comparison in args.comparisons}
    write_json(args.out, content)
    rows = [
        (name, run["knn_top1"], run["linear_top1"], *(run["task"][key][-1][1] for key in _TASK))
        for name, results in content.items()
        for run in results["runs"]
    ]
    table = [(name, *(f"{value:.2f}" for value in values)) for name, *values in rows]
    print(text_table(("", "kNN top-1 %", "linear top-1 %", "ranked first %", "loss"), table))


if __name__ == "__main__":
    main()
