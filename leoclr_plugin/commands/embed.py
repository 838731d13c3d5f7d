"""Write the features of a folder's images as Parquet; an interrupted call can be repeated."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.networks import NETWORK_HELP, add_loading_arguments, open_network
from leoclr_plugin.commands.shared import add_source_arguments, source_keys
from leoclr_plugin.terminal import say

EXAMPLE = "leoclr embed trained_models/leoclr/offline-1a2b3c4d photos --out features.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("run_name", metavar="RUN", help=NETWORK_HELP)
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="images, in class folders or beside a labels.csv if they have labels; or what else "
        "data.train_path can name",
    )
    add_source_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="folder of Parquet files to write; what an earlier call left in it is continued",
    )
    parser.add_argument(
        "--dtype",
        choices=("float16", "float32"),
        default="float32",
        help="type of the vectors' values",
    )
    add_loading_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Encode the images and write the features."""
    from leoclr_plugin.checkpoints.weights import fingerprint
    from leoclr_plugin.evaluation.embedding import embed, pictures_of, require_pyarrow

    require_pyarrow()
    pictures = pictures_of(args.folder, source_keys(args))
    network = open_network(args.run_name)
    about = {
        "network": fingerprint(network.method.backbone.state_dict()),
        "size": list(network.size),
    }
    done = embed(
        network.method,
        network.view("custom"),
        pictures,
        args.out,
        about,
        args.dtype,
        args.batch_size,
        args.num_workers,
        network.source,
        network.levels,
    )
    earlier = f", {done} of them by an earlier call" if done else ""
    say(f"{len(pictures.names)} images are in {args.out}{earlier}")
