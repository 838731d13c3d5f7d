"""Measure what the zoo's runs learned: online accuracy by epoch, and accuracy in their own task.

usage: python benchmarks/zoo_runs.py LEOCLR_RUN MOCOV2PLUS_RUN --data FOLDER --out FILE.json

The task is to find a query's own key among 512 keys, by cosine, in evaluation mode. The result is
the percent of queries for which the own key is the nearest, on ``FOLDER/train`` and on
``FOLDER/val``. A query is the augmented original or a crop, and a key is a crop. All runs see the
views of the LeOCLR run.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.checkpoints.reading import CheckpointFolder
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.report.curves import read_metric
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json

_KEYS = 512
_BATCHES = 4


@torch.no_grad()
def nearest_is_own(method: nn.Module, cfg: DictConfig, folder: Path) -> dict[str, float]:
    """Return the percent of originals and of crops whose nearest key is their own image's."""
    cfg.data.train_path, cfg.data.format = str(folder), "image_folder"
    cfg.optimizer.batch_size = _KEYS
    seed_everything(0)
    hits = {"original": [], "crop": []}
    for _, (first, second, *_, original), _ in islice(pretrain_loader(cfg), _BATCHES):
        keys = method.momentum_forward(second)["z"]
        for name, view in (("original", original), ("crop", first)):
            nearest = (method(view)["z"] @ nn.functional.normalize(keys, dim=1).T).argmax(dim=1)
            hits[name].append(nearest == torch.arange(_KEYS))
    return {name: 100 * torch.cat(found).float().mean().item() for name, found in hits.items()}


def main() -> None:
    """Measure all runs, write the JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="the first one is a run of leoclr")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sources = [CheckpointFolder.open(run) for run in args.runs]
    cfg = sources[0].cfg.copy()
    results: dict[str, Any] = {
        source.cfg.method: {
            part: nearest_is_own(source.load_method(), cfg, args.data / part)
            for part in ("train", "val")
        }
        for source in sources
    }
    content = {
        "nearest_is_own_percent": {"keys": _KEYS, "queries": _KEYS * _BATCHES, **results},
        "online": {
            source.cfg.method: {
                key: read_metric(source.folder / "metrics.csv", key)
                for key in ("val_acc1", "train_acc1_epoch", "train_nce_loss_epoch")
            }
            for source in sources
        },
        "environment": environment(),
    }
    write_json(args.out, content)
    rows = [
        (method, part, f"{values['original']:.1f}", f"{values['crop']:.1f}")
        for method, parts in results.items()
        for part, values in parts.items()
    ]
    print(text_table(("method", "images", "original to crop %", "crop to crop %"), rows))


if __name__ == "__main__":
    main()
