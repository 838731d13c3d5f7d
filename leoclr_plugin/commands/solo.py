"""Run a script of a clone of solo-learn, with leoclr among its methods."""

from __future__ import annotations

import argparse

EXAMPLE = (
    "leoclr solo main_knn.py --pretrained_checkpoint_dir trained_models/leoclr/offline-1 "
    "--dataset cifar10 --k 20 --temperature 0.07 --distance_function cosine --feature_type backbone"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "script",
        metavar="SCRIPT",
        help="a script of the clone, such as main_knn.py; the clone is that around the current "
        "folder, or else the host that leoclr host show names",
    )
    parser.add_argument(
        "arguments",
        metavar="...",
        nargs=argparse.REMAINDER,
        help="the script's arguments, which are passed on unchanged",
    )


def run(args: argparse.Namespace) -> None:
    """Run the script; its exit code is this command's."""
    from leoclr_plugin.in_solo_learn.script import find_script, run_script

    script, clone = find_script(args.script)
    run_script(script, clone, args.arguments)
