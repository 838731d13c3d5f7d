"""Add comparisons on the split to the raw data, with the linear probe at several rates.

usage: python benchmarks/split_rows.py COMPARISON... --out benchmarks/zoo-tuning.json
           [--data SPLIT]

``COMPARISON`` is the folder that ``leoclr compare --out COMPARISON`` wrote, or a row's of ``leoclr
ablation``; its runs' checkpoints must still be there. ``--data`` measures on ``SPLIT/train`` and
``SPLIT/val`` what was trained on other images.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, input_size
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.probe import linear_probe
from leoclr_plugin.files import read_json, write_json

_RATES = (0.01, 0.03, 0.1)
_SEEDS = (0, 1)
_PARTS = ("train", "val")
_FOLDERS = tuple(f"data.{part}_path" for part in _PARTS)


def measure(folder: Path, data: Path | None) -> dict[str, Any]:
    """A run's kNN, and top-1 in percent of the probe by learning rate, for each seed."""
    cfg = OmegaConf.load(folder / "config.yaml")
    record = read_json(folder / "training.json")
    method = CheckpointFolder.open(record["checkpoint"]).load_method()
    paths = {} if data is None else {f"{part}_path": str(data / part) for part in _PARTS}
    where = evaluation_cfg(cfg, **paths)
    features = train_and_val_features(method, where, input_size(cfg))
    return {
        "trained_on": Path(cfg.data.train_path).name,
        "knn_top1": round(knn(*features)["top1"], 2),
        "linear_top1_by_rate": {
            str(rate): [
                round(linear_probe(where.data, *features, rate, s)["top1"], 2) for s in _SEEDS
            ]
            for rate in _RATES
        },
    }


def rows(comparison: Path, common: list[str], data: Path | None) -> list[dict[str, Any]]:
    """The comparison's runs, without the overrides that all have in ``common``."""
    results = read_json(comparison / "results.json")
    overrides = [
        override
        for override in results["settings"]["overrides"]
        if override not in common and not override.startswith(_FOLDERS)
    ]
    return [
        {
            "method": run["method"],
            "overrides": overrides,
            "epochs": run["epochs"],
            **measure(comparison / f"{run['method']}-{run['seed']}", data),
            "seed": run["seed"],
            "commit": run["environment"]["commit"],
            "online_val_acc1_by_epoch": [round(accuracy, 2) for _, accuracy in run["curve"]],
            "threads": run["environment"]["threads"],
        }
        for run in results["runs"]
    ]


def main() -> None:
    """Probe the runs and add their rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comparisons", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="to which the rows are added")
    parser.add_argument("--data", type=Path, metavar="SPLIT", help="with train and val")
    args = parser.parse_args()
    content = read_json(args.out)
    for comparison in args.comparisons:
        content["runs"] += rows(comparison, content["common"], args.data)
    write_json(args.out, content)


if __name__ == "__main__":
    main()
