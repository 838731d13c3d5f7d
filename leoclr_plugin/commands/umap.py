"""Plot a UMAP of a checkpoint's features into umap-train.png and umap-val.png beside it."""

from __future__ import annotations

import argparse

from leoclr_plugin.commands.results import add_out_argument, results_folder
from leoclr_plugin.commands.shared import (
    add_checkpoint_argument,
    add_data_arguments,
    checkpoint_and_data,
)
from leoclr_plugin.terminal import say

EXAMPLE = "leoclr umap trained_models/leoclr/offline-1a2b3c4d"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    add_data_arguments(parser)
    add_out_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Plot the training and the validation images."""
    from leoclr_plugin.checkpoints.reading import input_size
    from leoclr_plugin.data.class_titles import class_titles
    from leoclr_plugin.evaluation.features import train_and_val_features
    from leoclr_plugin.evaluation.one_colour import coloured
    from leoclr_plugin.plots.scatter import require_umap, umap_scatter
    from leoclr_plugin.system.files import whole_file

    require_umap()
    source, cfg = checkpoint_and_data(args)
    folder = results_folder(args.out, source.folder)
    method, size = source.load_method(), input_size(source.cfg)
    # Extract all features first, so that bad data or weights end the command before it writes.
    features_of_splits = train_and_val_features(method, cfg, size, source.checkpoint)
    titles = class_titles(cfg.data)
    for split, (features, targets) in zip(("train", "val"), features_of_splits, strict=True):
        path = folder / f"umap-{split}.png"
        with whole_file(path) as part:
            umap_scatter(features.float(), *coloured(targets, titles), part)
        say(f"Written to {path}")
