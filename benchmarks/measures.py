"""Compare label-free measures with kNN and the linear probe over several checkpoints.

usage: python benchmarks/measures.py RUN ... --data FOLDER --out FILE.json

``FOLDER`` holds ``train`` and ``val`` with labels. A run is ``zoo:NAME``, a run's folder, or one of
its checkpoints. The word ``untrained`` among them is the network of the first run before its first
step. The measures are those of ``leoclr measure`` on images of ``FOLDER/train``. The accuracies are
those of the card for a model of the zoo, and are measured in the same way for all others. The
result has Spearman's rank correlation of each measure with each accuracy, and the share of all
orders of the checkpoints that correlate at least as strongly by chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import permutations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from omegaconf import DictConfig
from scipy.stats import rankdata
from torch import nn

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.measures import Sample, measure
from leoclr_plugin.evaluation.probe import linear_probe
from leoclr_plugin.evaluation.protocol import ZOO_RATE
from leoclr_plugin.evaluation.results import headline
from leoclr_plugin.metrics.label_free import ON_COLLAPSE
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json
from leoclr_plugin.zoo.evaluate import Encoder, zoo_data
from leoclr_plugin.zoo.manifest import find_entry
from leoclr_plugin.zoo.source import PREFIX, open_source

_ACCURACIES = ("linear", "knn")
_UNTRAINED = "untrained"
_SEED = 0
# All orders of eight checkpoints are tried. Of more checkpoints as many orders are drawn.
_ORDERS = factorial(8)


def untrained(cfg: DictConfig) -> nn.Module:
    """Return torchvision's network of a configuration as it is before the first step."""
    torch.manual_seed(_SEED)
    network = torchvision.models.get_model(cfg.backbone.name)
    network.fc = nn.Identity()
    return Encoder(network).eval()


def accuracies(method: nn.Module, cfg: DictConfig, data: DictConfig) -> dict[str, float]:
    """Return the accuracies by the protocol of the zoo's cards, with one seed of the probe."""
    train, val = train_and_val_features(method, data, input_size(cfg))
    probe = linear_probe(data.data, train, val, ZOO_RATE, _SEED)
    return {"linear": headline(probe), "knn": headline(knn(train, val))}


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation; equal values share the mean of their ranks."""
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def chance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the share of the orders of ``one`` with at least this correlation, either way."""
    observed = abs(rank_correlation(one, other))
    if factorial(len(one)) <= _ORDERS:
        orders = permutations(one)
    else:
        generator = np.random.default_rng(_SEED)
        orders = (generator.permutation(one) for _ in range(_ORDERS))
    hits = [abs(rank_correlation(order, other)) >= observed - 1e-9 for order in orders]
    return float(np.mean(hits))


def main() -> None:
    """Measure all checkpoints, write the JSON and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--num_workers", type=int, default=1)
    args = parser.parse_args()
    sources = {run: open_source(run) for run in args.runs if run != _UNTRAINED}
    cfg = next(iter(sources.values())).cfg
    data = zoo_data(cfg.data.dataset, args.data, args.num_workers)
    sample = Sample(data.data, args.images, args.views, _SEED)
    rows: list[dict[str, Any]] = []
    for name in args.runs:
        method = untrained(cfg) if name == _UNTRAINED else sources[name].load_method()
        if name.startswith(PREFIX):
            results = find_entry(name.removeprefix(PREFIX)).results
            its_accuracies = {kind: headline(results[kind]) for kind in _ACCURACIES}
        else:
            its_accuracies = accuracies(method, cfg, data)
        # All get the views of the first run, so that the rows can be compared.
        measured = measure(method, cfg, sample, source=name)
        rows.append({"name": name, **its_accuracies, **measured.values})
        print(rows[-1], flush=True)
    correlations: dict[str, dict[str, dict[str, float]]] = {}
    for measure_name in ON_COLLAPSE:
        correlations[measure_name] = {}
        for kind in _ACCURACIES:
            pair = ([row[measure_name] for row in rows], [row[kind] for row in rows])
            values = {"spearman": rank_correlation(*pair), "chance": chance(*pair)}
            correlations[measure_name][kind] = values
    content = {
        "images": args.images,
        "views": args.views,
        "checkpoints": rows,
        "correlations": correlations,
        "environment": environment(),
    }
    write_json(args.out, content)
    header = ["name", *_ACCURACIES, *ON_COLLAPSE]
    print(text_table(header, [[r["name"], *(f"{r[k]:.2f}" for k in header[1:])] for r in rows]))
    lines = [
        [name, *(f"{by[kind]['spearman']:+.2f} ({by[kind]['chance']:.2f})" for kind in _ACCURACIES)]
        for name, by in correlations.items()
    ]
    print(text_table(["measure", *_ACCURACIES], lines))


if __name__ == "__main__":
    main()
