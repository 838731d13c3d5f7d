"""Plot a UMAP of a checkpoint's features into umap-train.png and umap-val.png beside it."""

from __future__ import annotations

import argparse

from leoclr_plugin.commands.results import add_out_argument, results_folder
from leoclr_plugin.commands.shared import (
    add_checkpoint_argument,
    add_data_arguments,
    checkpoint_and_data,
)

EXAMPLE = "leoclr umap trained_models/leoclr/offline-1a2b3c4d"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    add_data_arguments(parser)
    add_out_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Plot the training and the validation images."""
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from leoclr_plugin.checkpoints.reading import input_size
    from leoclr_plugin.data.datasets import class_names
    from leoclr_plugin.evaluation.features import device, train_and_val_features
    from leoclr_plugin.evaluation.one_colour import one_colour
    from leoclr_plugin.host import host
    from leoclr_plugin.system.files import whole_file

    source, cfg = checkpoint_and_data(args)
    folder = results_folder(args.out, source.folder)
    method, size = source.load_method(), input_size(source.cfg)
    classes = class_names(cfg.data)
    if classes:
        print(
            "Colours: an image that shows one class has the number of the class's column; "
            f"{len(classes)} means several classes, {len(classes) + 1} means none"
        )
    # Extract all features first, so that bad data or weights end the command before it writes.
    features_of_splits = train_and_val_features(method, cfg, size, source.checkpoint)
    for split, (features, targets) in zip(("train", "val"), features_of_splits, strict=True):
        path = folder / f"umap-{split}.png"
        # The host's plot encodes what it is given. The features are encoded already, so it gets an
        # identity.
        colours = one_colour(targets) if classes else targets
        encoded = DataLoader(TensorDataset(features, colours), args.batch_size)
        with whole_file(path) as part:
            host().OfflineUMAP().plot(str(device()), nn.Identity(), encoded, part)
        print(f"Written to {path}")
