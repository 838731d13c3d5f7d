"""Measure the figures of a model's card from its file of weights."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.probe import linear_probe
from leoclr_plugin.evaluation.protocol import ZOO_RATE
from leoclr_plugin.zoo.manifest import Entry

_PROBE_SEEDS = (0, 1, 2)
_DIGITS = 2


class Encoder(nn.Module):
    """A backbone that returns its features in the dict that the evaluators expect."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map images ``[N, 3, H, W]`` to ``feats`` ``[N, F]``."""
        return {"feats": self.backbone(images)}


def zoo_data(entry: Entry, folder: Path, num_workers: int) -> DictConfig:
    """Return the configuration of an evaluation on ``folder/train`` and ``folder/val``.

    Raises:
        UserError: when one of the two folders is missing.
    """
    for part in ("train", "val"):
        if not (folder / part).is_dir():
            raise UserError(
                f"{folder / part} is not there; --data needs a folder that holds train and val"
            )
    data = {
        "format": "image_folder",
        "dataset": entry.dataset,
        "train_path": str(folder / "train"),
        "val_path": str(folder / "val"),
        "num_workers": num_workers,
    }
    return OmegaConf.create({"data": data, "optimizer": {"batch_size": 256}})


def evaluate(entry: Entry, backbone: nn.Module, cfg: DictConfig) -> dict[str, dict[str, Any]]:
    """Evaluate by kNN (k = 20, cosine, temperature 0.07) and linear probe, in percent.

    Args:
        entry: the model's entry in the manifest, which gives the size of the images.
        backbone: network that maps images ``[N, 3, H, W]`` to features ``[N, F]``.
        cfg: configuration made by ``zoo_data``.

    Returns:
        ``knn`` and ``linear``, each with ``top1``, ``top5`` and ``spread``. The spread of ``knn``
        is the standard error of ``top1`` over the validation images. The figures of ``linear``
        are means over three seeds of the probe, and their spread is the standard deviation of
        ``top1`` over these seeds.
    """
    train, val = train_and_val_features(Encoder(backbone), cfg, entry.size, entry.name)
    knn_result = knn(train, val)
    accuracy = knn_result["top1"] / 100
    probes = [linear_probe(cfg.data, train, val, ZOO_RATE, seed) for seed in _PROBE_SEEDS]
    top1 = [probe["top1"] for probe in probes]
    return {
        "knn": {
            "top1": round(knn_result["top1"], _DIGITS),
            "top5": round(knn_result["top5"], _DIGITS),
            "spread": round(100 * sqrt(accuracy * (1 - accuracy) / len(val[0])), _DIGITS),
        },
        "linear": {
            "top1": round(mean(top1), _DIGITS),
            "top5": round(mean(probe["top5"] for probe in probes), _DIGITS),
            "spread": round(stdev(top1), _DIGITS),
        },
    }
