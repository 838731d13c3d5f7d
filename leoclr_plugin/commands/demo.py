"""See LeOCLR learn: made textures, two methods, an untrained network, a table and a report."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import not_negative

EXAMPLE = "leoclr demo --fast --out leoclr-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--fast",
        action="store_true",
        help="a quarter of the training, which learns less",
    )
    parser.add_argument("--out", type=Path, default=Path("leoclr-demo"), help="folder to write")
    parser.add_argument(
        "--seed",
        type=not_negative,
        default=5,
        help="of the networks and their training; the pictures stay the same (default: 5)",
    )


def run(args: argparse.Namespace) -> None:
    """Run the demo."""
    from leoclr_plugin.demo.run import FAST, FULL, run_demo

    run_demo(args.out, FAST if args.fast else FULL, args.seed)
