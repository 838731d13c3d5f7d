"""See LeOCLR learn: digits, both methods and an untrained network, a table and a report."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "leoclr demo --fast --out leoclr-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--fast",
        action="store_true",
        help="under a minute: shows that everything works, too short to learn much",
    )
    parser.add_argument("--out", type=Path, default=Path("leoclr-demo"), help="folder to write")


def run(args: argparse.Namespace) -> None:
    """Run the demo."""
    from leoclr_plugin.demo.run import FAST, FULL, run_demo

    run_demo(args.out, FAST if args.fast else FULL)
