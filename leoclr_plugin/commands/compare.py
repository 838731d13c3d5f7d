"""Pretrain and evaluate several methods on the same data and budget; writes one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import add_comparison_arguments

EXAMPLE = "leoclr compare imagenette/leoclr --methods leoclr,mocov2plus --budget epochs=10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_comparison_arguments(parser)
    parser.add_argument("--methods", required=True, help="names, by commas; also untrained")
    parser.add_argument(
        "--out", type=Path, default=Path("comparison"), help="folder; a run there goes on"
    )


def run(args: argparse.Namespace) -> None:
    """Compare and print the table."""
    from leoclr_plugin.compare.run import Budget, compare
    from leoclr_plugin.files import read_text

    methods = [name.strip() for name in args.methods.split(",") if name.strip()]
    compare(args.config, methods, Budget(**args.budget), args.seeds, args.out, args.overrides)
    print(read_text(args.out / "table.txt"))
    print(f"Written to {args.out / 'report.html'}, results.csv and results.json")
