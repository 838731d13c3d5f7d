"""Evaluate a checkpoint by k nearest neighbours; writes knn.json beside it."""

from __future__ import annotations

import argparse

from leoclr_plugin.commands.shared import (
    above_zero,
    add_checkpoint_argument,
    add_data_arguments,
    checkpoint_and_data,
    positive,
)

EXAMPLE = "leoclr knn trained_models/leoclr/offline-1a2b3c4d --k 20"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    add_data_arguments(parser)
    parser.add_argument("--k", type=positive, default=20, help="neighbours")
    parser.add_argument(
        "--temperature", type=above_zero, default=0.07, help="of the cosine's weight"
    )
    parser.add_argument(
        "--distance_function", choices=("cosine", "euclidean"), default="cosine", dest="distance"
    )
    parser.add_argument("--feature_type", choices=("backbone", "projector"), default="backbone")


def run(args: argparse.Namespace) -> None:
    """Evaluate and print."""
    from leoclr_plugin.evaluation.checkpoint import input_size
    from leoclr_plugin.evaluation.features import train_and_val_features
    from leoclr_plugin.evaluation.knn import knn
    from leoclr_plugin.evaluation.results import write_json

    source, cfg = checkpoint_and_data(args)
    bank, test = train_and_val_features(
        source.load_method(), cfg, input_size(source.cfg), args.feature_type
    )
    result = knn(bank, test, args.k, args.temperature, args.distance)
    path = source.folder / "knn.json"
    about = {"feature_type": args.feature_type, "checkpoint": source.checkpoint.name}
    write_json(path, {**result, **about})
    print(f"kNN (k={args.k}): top-1 {result['top1']:.2f} %, top-5 {result['top5']:.2f} %")
    print(f"Written to {path}")
