"""Add comparisons on the tuning split to the raw data, with the linear probe at several rates.

usage: python benchmarks/split_rows.py COMPARISON... --out benchmarks/zoo-tuning.json
           [--data SPLIT]

``COMPARISON`` is a folder that ``leoclr compare --out COMPARISON`` wrote, or the folder of a row of
``leoclr ablation``. The checkpoints of its runs must still exist. With ``--data`` the runs are
measured on ``SPLIT/train`` and ``SPLIT/val``, even if they were trained on other images.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.probe import linear_probe
from leoclr_plugin.system.files import read_json, write_json

_RATES = (0.01, 0.03, 0.1)
_SEEDS = (0, 1)
_PARTS = ("train", "val")
_FOLDERS = tuple(f"data.{part}_path" for part in _PARTS)


def measure(folder: Path, data: Path | None) -> dict[str, Any]:
    """Return a run's kNN accuracy, and the probe's by learning rate and seed, in percent."""
    cfg = OmegaConf.load(folder / "config.yaml")
    record = read_json(folder / "training.json")
    method = CheckpointFolder.open(record["checkpoint"]).load_method()
    paths = {} if data is None else {f"{part}_path": str(data / part) for part in _PARTS}
    eval_cfg = evaluation_cfg(cfg, **paths)
    features = train_and_val_features(method, eval_cfg, input_size(cfg))
    return {
        "trained_on": Path(cfg.data.train_path).name,
        "knn_top1": round(knn(*features)["top1"], 2),
        "linear_top1_by_rate": {
            str(rate): [
                round(linear_probe(eval_cfg.data, *features, rate, seed)["top1"], 2)
                for seed in _SEEDS
            ]
            for rate in _RATES
        },
    }


def rows(comparison: Path, common: list[str], data: Path | None) -> list[dict[str, Any]]:
    """Return a row for each run of the comparison, without the overrides in ``common``."""
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
    parser.add_argument("--out", type=Path, required=True, help="the file that gets the rows")
    parser.add_argument(
        "--data", type=Path, metavar="SPLIT", help="a folder with train and val to measure on"
    )
    args = parser.parse_args()
    content = read_json(args.out)
    for comparison in args.comparisons:
        content["runs"] += rows(comparison, content["common"], args.data)
    write_json(args.out, content)


if __name__ == "__main__":
    main()
