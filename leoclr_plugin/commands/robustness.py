"""Measure frozen features on corrupted pictures, side by side for several runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leoclr_plugin.commands.networks import (
    NETWORK_HELP,
    add_data_argument,
    add_loading_arguments,
    labelled_data,
    open_network,
    require_bytes,
)
from leoclr_plugin.commands.results import add_out_argument, results_folder
from leoclr_plugin.commands.shared import not_negative, positive
from leoclr_plugin.terminal import say, say_text

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from leoclr_plugin.commands.networks import Network

EXAMPLE = "leoclr robustness trained_models/leoclr/offline-1a2b3c4d"
_DEFAULT_FOLDER = Path("robustness")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help=f"{NETWORK_HELP}; several give one table"
    )
    add_data_argument(parser)
    parser.add_argument(
        "--images",
        type=positive,
        default=1000,
        help="number of validation images to corrupt; all if there are fewer",
    )
    parser.add_argument(
        "--seed",
        type=not_negative,
        default=0,
        help="seed of the choice of images and of the corruptions",
    )
    add_loading_arguments(parser)
    add_out_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Measure each run, print its table and the table of all runs, and write them."""
    from leoclr_plugin.commands.robustness_table import (
        by_corruption,
        by_severity,
        write_robustness,
    )
    from leoclr_plugin.evaluation.corruptions import check_size, require_imagecorruptions
    from leoclr_plugin.report.tables import text_table

    require_imagecorruptions()
    networks = [open_network(name) for name in dict.fromkeys(args.runs)]
    require_bytes(networks, "robustness")
    for network in networks:
        check_size(network.size, network.name)
    cfg = labelled_data(networks, args)
    alone = networks[0].folder if len(networks) == 1 else None
    folder = results_folder(args.out, alone or _DEFAULT_FOLDER)
    results: list[dict[str, Any]] = []
    for network in networks:
        results.append(_measure(network, cfg, args))
        say(f"{network.name}, {results[-1]['metric']} % of the linear classifier")
        say_text(text_table(*by_corruption(results[-1])) + "\n\n")
        # What was measured is written at once, so that an interruption keeps it.
        write_robustness(folder, results)
    say_text(text_table(*by_severity(results)))
    say(f"Written to {folder / 'robustness.json'}, robustness.html, robustness.svg")


def _measure(network: Network, cfg: DictConfig, args: argparse.Namespace) -> dict[str, Any]:
    from leoclr_plugin.checkpoints.weights import fingerprint
    from leoclr_plugin.data.stores.opening import shown
    from leoclr_plugin.evaluation.robustness import robustness

    result = robustness(
        network.method,
        network.view(cfg.data.dataset),
        cfg,
        args.images,
        args.seed,
        network.source,
    )
    return {
        "run": network.name,
        "checkpoint": Path(str(network.source)).name,
        "weights": fingerprint(network.method.backbone.state_dict()),
        "size": list(network.size),
        "data": shown(cfg.data.val_path),
        "seed": args.seed,
        **result,
    }
