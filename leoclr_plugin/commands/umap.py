"""Plot a UMAP of a checkpoint's features as umap-train.png and umap-val.png beside it."""

from __future__ import annotations

import argparse

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


def run(args: argparse.Namespace) -> None:
    """Plot the training and the validation images."""
    from leoclr_plugin.data.loaders import plain_train_loader, val_loader
    from leoclr_plugin.evaluation.checkpoint import input_size
    from leoclr_plugin.evaluation.features import device
    from leoclr_plugin.files import whole_file
    from leoclr_plugin.host import host

    source, cfg = checkpoint_and_data(args)
    backbone = source.load_method().backbone.to(device())
    size = input_size(source.cfg)
    for split, loader in (("train", plain_train_loader), ("val", val_loader)):
        path = source.folder / f"umap-{split}.png"
        with whole_file(path) as part:
            host().OfflineUMAP().plot(str(device()), backbone, loader(cfg, size), part)
        print(f"Written to {path}")
