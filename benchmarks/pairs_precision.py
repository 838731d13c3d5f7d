"""Measure how many pairs of similar images are of one class, for several encoders.

usage: python benchmarks/pairs_precision.py DATA OUT [--size 64] [--every 1] [NETWORK...]

``DATA`` has a folder for each class. ``OUT`` gets the features, which a second call reuses, and
``pairs-precision.json``. A network is a model of the zoo, or ``untrained``. The labels are only
used to judge the pairs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

from leoclr_plugin.checkpoints.weights import fingerprint
from leoclr_plugin.data.pairs.mining import choose_pairs
from leoclr_plugin.data.pairs.neighbours import find_neighbours
from leoclr_plugin.data.pairs.search import ExactSearch, IvfSearch, Search
from leoclr_plugin.data.views import val_view
from leoclr_plugin.evaluation.embedding import Pictures, embed, pictures_of, read_features
from leoclr_plugin.report.environment import environment
from leoclr_plugin.report.pairs import ranges_of
from leoclr_plugin.report.tables import text_table
from leoclr_plugin.system.files import write_json
from leoclr_plugin.zoo.evaluate import Encoder
from leoclr_plugin.zoo.model import load

_UNTRAINED = "untrained"
_NETWORKS = ("leoclr-resnet18-imagenette", "mocov2plus-resnet18-imagenette", _UNTRAINED)
_K = 5
# The most similar pairs: the scale of cosines differs between networks, and shares do not.
_SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
_SPARE = 37


def network_of(name: str) -> nn.Module:
    """Return a model of the zoo, or a ResNet-18 with random weights."""
    if name != _UNTRAINED:
        return load(name).backbone
    torch.manual_seed(0)
    network = torchvision.models.resnet18()
    network.fc = nn.Identity()
    return network.eval()


def measure(name: str, pictures: Pictures, size: int, out: Path) -> dict[str, Any]:
    """Mine all neighbours of a network, and judge them by their classes."""
    method = Encoder(network_of(name)).eval()
    about = {"network": fingerprint(method.backbone.state_dict()), "size": [size, size]}
    embed(method, val_view("custom", (size, size)), pictures, out / name, about, threads=1)
    features, about = read_features(out / name, pictures)
    count = len(features)
    found, seconds = {}, {}
    for kind in ("exact", "ivf"):
        started = time.perf_counter()
        search: Search = (
            ExactSearch(features, torch.device("cpu")) if kind == "exact" else IvfSearch(features)
        )
        folder = out / f"{name}-{kind}"
        neighbours = list(find_neighbours(lambda s=search: s, count, _SPARE, folder, about))
        seconds[kind] = round(time.perf_counter() - started, 1)
        found[kind] = np.concatenate([indexes[:, :_K] for _, (_, indexes) in neighbours])
        if kind == "exact":
            mined = choose_pairs(neighbours, count, _K, (-1, 1))
    labels = np.array(pictures.labels)
    same = (labels[mined.images] == labels[mined.partners]).astype(np.int64)
    order = np.argsort(-mined.scores, kind="stable")
    top = [order[: round(share * len(order))] for share in _SHARES]
    shared = [np.isin(a, b).mean() for a, b in zip(found["exact"], found["ivf"], strict=True)]
    return {
        "ranges": [
            {"from": one.low, "to": one.high, "pairs": one.known, "same_class": one.same}
            for one in ranges_of(mined.scores.astype(np.float64), same)
        ],
        "most_similar": [
            {
                "share": share,
                "pairs": len(rows),
                "lowest_similarity": round(float(mined.scores[rows[-1]]), 4),
                "same_class": int(same[rows].sum()),
            }
            for share, rows in zip(_SHARES, top, strict=True)
        ],
        "ivf_recall": round(float(np.mean(shared)), 4),
        "seconds": seconds,
    }


def _some(pictures: Pictures, every: int) -> Pictures:
    chosen = range(0, len(pictures.names), every)
    names, labels = pictures.names[::every], pictures.labels[::every]
    return Pictures(pictures.images.take(chosen), names, labels)


def main() -> None:
    """Measure all networks, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--every", type=int, default=1, help="take each N-th image only")
    parser.add_argument("networks", nargs="*", default=_NETWORKS, metavar="NETWORK")
    args = parser.parse_args()
    pictures = _some(pictures_of(args.data), args.every)
    results = {name: measure(name, pictures, args.size, args.out) for name in args.networks}
    rows = [
        (
            name,
            *(
                f"{100 * one['same_class'] / one['pairs']:.1f} ({one['lowest_similarity']:.3f})"
                for one in result["most_similar"]
            ),
            f"{100 * result['ivf_recall']:.1f}",
        )
        for name, result in results.items()
    ]
    header = ("network", *(f"top {100 * share:g} %" for share in _SHARES), "ivf recall %")
    print(text_table(header, rows))
    content = {
        "images": len(pictures.names),
        "size": args.size,
        "k": _K,
        "results": results,
        "environment": environment(),
    }
    write_json(args.out / "pairs-precision.json", content)


if __name__ == "__main__":
    main()
