"""Draw a UMAP, nearest neighbours and similarity maps of a run's validation images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from leoclr_plugin.commands.networks import (
    NETWORK_HELP,
    add_data_argument,
    add_loading_arguments,
    labelled_data,
    open_network,
    require_bytes,
)
from leoclr_plugin.commands.results import add_out_argument, results_folder
from leoclr_plugin.terminal import say

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from leoclr_plugin.commands.networks import Network
    from leoclr_plugin.report.pictures import Pictured

EXAMPLE = "leoclr pictures trained_models/leoclr/offline-1a2b3c4d"
_DEFAULT_FOLDER = Path("pictures")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("run_name", metavar="RUN", help=NETWORK_HELP)
    add_data_argument(parser)
    add_loading_arguments(parser)
    add_out_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Draw the pictures, print how many neighbours share a class, and write the page."""
    from leoclr_plugin.checkpoints.weights import fingerprint
    from leoclr_plugin.data.stores.opening import shown
    from leoclr_plugin.plots.scatter import require_umap
    from leoclr_plugin.report.environment import environment
    from leoclr_plugin.report.pictures import KINDS, draw_pictures, write_page
    from leoclr_plugin.system.files import write_json

    require_umap()
    network = open_network(args.run_name)
    require_bytes([network], "pictures")
    cfg = labelled_data([network], args)
    folder = results_folder(args.out, network.folder or _DEFAULT_FOLDER)
    pictured, names = pictured_by(network, cfg)
    paths = {kind: folder / f"pictures-{kind}.png" for kind in KINDS}
    rows = draw_pictures(pictured, paths)
    shared = [one for row in rows for one in row.shared]
    say(f"{sum(shared)} of {len(shared)} neighbours share a class with their query")
    write_page(network.name, paths, folder / "pictures.html")
    content = {
        "run": network.name,
        "checkpoint": Path(str(network.source)).name,
        "weights": fingerprint(network.method.backbone.state_dict()),
        "size": list(network.size),
        "data": shown(cfg.data.val_path),
        "val_images": len(names),
        "neighbours": [
            {
                "class": row.title,
                "query": names[row.query],
                "nearest": [names[index] for index in row.nearest],
                "shared": row.shared,
            }
            for row in rows
        ],
        "environment": environment(),
    }
    write_json(folder / "pictures.json", content)
    pictures = ", ".join(path.name for path in paths.values())
    say(f"Written to {folder / 'pictures.html'}, pictures.json, {pictures}")


def pictured_by(network: Network, cfg: DictConfig) -> tuple[Pictured, list[str]]:
    """Encode the validation images of a network.

    Args:
        network: the network.
        cfg: the nodes ``data`` and ``optimizer.batch_size``, see ``evaluation.data``.

    Returns:
        What ``report.pictures.draw_pictures`` draws; and the names of the images: their paths, or
        their numbers in an archive.
    """
    import numpy as np
    import torch
    from PIL import Image

    from leoclr_plugin.data.class_titles import class_titles
    from leoclr_plugin.data.datasets import build_dataset
    from leoclr_plugin.data.draws import draw_views
    from leoclr_plugin.data.loaders import source_loader
    from leoclr_plugin.data.make import views_of
    from leoclr_plugin.data.sources import build_source
    from leoclr_plugin.evaluation.features import device, extract_features
    from leoclr_plugin.evaluation.one_colour import coloured
    from leoclr_plugin.report.pictures import Pictured

    view, threads = network.view(cfg.data.dataset), cfg.data.num_workers
    dataset = build_dataset(cfg.data, "val")
    source = build_source(dataset, cache_mb=0, threads=max(1, threads))
    loader = source_loader(dataset, source, view, cfg.optimizer.batch_size, threads)
    ((features, targets),) = extract_features(
        network.method, loader, ["backbone"], "Validation images", network.source
    )
    classes = class_titles(cfg.data)

    @torch.no_grad()
    def encode(pictures: list[Image.Image]) -> torch.Tensor:
        drawn = draw_views([view], 0, 0, np.arange(len(pictures)))
        (images,) = views_of([np.array(picture) for picture in pictures], [view], drawn)
        return network.method(images.to(device()))["feats"].float().cpu()

    pictured = Pictured(
        features.float(),
        targets,
        classes,
        *coloured(targets, classes),
        lambda index: Image.fromarray(source.image(index)),
        encode,
    )
    return pictured, list(source.images.names if source.images else map(str, range(len(targets))))
