"""Measure the figures of a model's card from its file of weights."""

from __future__ import annotations

from math import sqrt
from statistics import mean, stdev
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.evaluation.features import Features, train_and_val_features
from leoclr_plugin.evaluation.knn import knn, knn_scores
from leoclr_plugin.evaluation.probe import linear_probe
from leoclr_plugin.evaluation.protocol import ZOO_RATE
from leoclr_plugin.metrics.bootstrap import bootstrap_map
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


def evaluate(entry: Entry, backbone: nn.Module, cfg: DictConfig) -> dict[str, dict[str, Any]]:
    """Evaluate by kNN (k = 20, cosine, temperature 0.07) and linear probe, in percent.

    Args:
        entry: the model's entry in the manifest, which gives the size of the images.
        backbone: network that maps images ``[N, 3, H, W]`` to features ``[N, F]``.
        cfg: configuration made by ``evaluation.data.folder_cfg``.

    Returns:
        ``knn`` and ``linear``, each with ``top1``, ``top5`` and ``spread``, or with ``mAP`` and
        ``spread`` if images have several labels. The spread of ``knn`` is the standard error over
        the validation images, which a bootstrap estimates for ``mAP``. The figures of ``linear``
        are means over three seeds of the probe, and their spread is the standard deviation of the
        first figure over these seeds.
    """
    train, val = train_and_val_features(Encoder(backbone), cfg, entry.size, entry.name)
    neighbours = knn(train, val)
    probes = [linear_probe(cfg.data, train, val, ZOO_RATE, seed) for seed in _PROBE_SEEDS]
    figures = [name for name in ("top1", "top5", "mAP") if name in neighbours]
    means = {name: mean(probe[name] for probe in probes) for name in figures}
    spread = stdev(probe[figures[0]] for probe in probes)
    return {
        "knn": _rounded(
            {name: neighbours[name] for name in figures}, _standard_error(neighbours, train, val)
        ),
        "linear": _rounded(means, spread),
    }


def _standard_error(neighbours: dict[str, Any], train: Features, val: Features) -> float:
    if "mAP" in neighbours:
        scores = {"knn": knn_scores(train, val[0]).numpy()}
        return float(bootstrap_map(scores, val[1].numpy())["knn"].std())
    accuracy = neighbours["top1"] / 100
    return 100 * sqrt(accuracy * (1 - accuracy) / len(val[0]))


def _rounded(figures: dict[str, float], spread: float) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in {**figures, "spread": spread}.items()}
