"""Evaluate a checkpoint by k nearest neighbours, and write knn.json beside it."""

from __future__ import annotations

import argparse
import itertools
from typing import Any

from leoclr_plugin.commands.results import add_out_argument, write_result
from leoclr_plugin.commands.shared import (
    above_zero,
    add_checkpoint_argument,
    add_data_arguments,
    checkpoint_and_data,
    positive,
)
from leoclr_plugin.terminal import say

EXAMPLE = "leoclr knn trained_models/leoclr/offline-1a2b3c4d --k 20"
_DISTANCES = ("cosine", "euclidean")
_FEATURES = ("backbone", "projector")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments; every combination of their values is evaluated."""
    add_checkpoint_argument(parser)
    add_data_arguments(parser)
    add_out_argument(parser)
    parser.add_argument("--k", type=positive, nargs="+", default=[20], help="number of neighbours")
    parser.add_argument(
        "--temperature",
        type=above_zero,
        nargs="+",
        default=[0.07],
        help="temperature t of a neighbour's weight exp(cosine / t)",
    )
    parser.add_argument("--distance_function", choices=_DISTANCES, nargs="+", default=["cosine"])
    parser.add_argument("--feature_type", choices=_FEATURES, nargs="+", default=["backbone"])


def run(args: argparse.Namespace) -> None:
    """Evaluate the checkpoint, print the results and write them."""
    from leoclr_plugin.checkpoints.reading import input_size
    from leoclr_plugin.data.datasets import class_names
    from leoclr_plugin.evaluation.features import features_of
    from leoclr_plugin.evaluation.knn import knn

    source, cfg = checkpoint_and_data(args)
    size = input_size(source.cfg)
    classes = class_names(cfg.data)
    features_by_type = features_of(
        source.load_method(), cfg, size, args.feature_type, source=source.checkpoint
    )
    results = []
    for feature_type, features in zip(args.feature_type, features_by_type, strict=True):
        for distance, k in itertools.product(args.distance_function, args.k):
            # The weights of the Euclidean distance have no temperature.
            temperatures = args.temperature if distance == "cosine" else args.temperature[:1]
            for temperature in temperatures:
                result = knn(*features, k, temperature, distance, classes)
                results.append({**result, "feature_type": feature_type})
                say(_summary(results[-1]))
    first, *more = results
    content = {**first, "checkpoint": source.checkpoint.name}
    if more:
        content["more"] = more
    write_result(args.out, source.folder, "knn.json", content)


def _summary(result: dict[str, Any]) -> str:
    from leoclr_plugin.evaluation.results import in_words

    distance = result["distance"]
    if distance == "cosine":
        distance += f", temperature={result['temperature']}"
    settings = f"k={result['k']}, {distance}, {result['feature_type']}"
    return f"kNN ({settings}): {in_words(result)}"
