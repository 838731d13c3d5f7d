"""Pretrain and evaluate several methods on the same data and budget; writes one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import positive

EXAMPLE = "leoclr compare imagenette/leoclr --methods leoclr,mocov2plus --budget epochs=10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("config", help="a config of leoclr, by its name under scripts/pretrain")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="changes for all methods, as Hydra's"
    )
    parser.add_argument("--methods", required=True, help="names, by commas; also untrained")
    parser.add_argument(
        "--budget", required=True, type=_budget, metavar="epochs=N|minutes=N", help="of each method"
    )
    parser.add_argument("--seeds", type=positive, default=1, help="runs of each method")
    parser.add_argument(
        "--out", type=Path, default=Path("comparison"), help="folder; a run there goes on"
    )


def run(args: argparse.Namespace) -> None:
    """Compare and print the table."""
    from leoclr_plugin.compare.run import Budget, compare

    methods = [name.strip() for name in args.methods.split(",") if name.strip()]
    compare(args.config, methods, Budget(**args.budget), args.seeds, args.out, args.overrides)
    print((args.out / "table.txt").read_text())
    print(f"Written to {args.out / 'report.html'}, results.csv and results.json")


def _budget(text: str) -> dict[str, float]:
    name, _, value = text.partition("=")
    try:
        number = {"epochs": int, "minutes": float}[name](value)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"{text} is not epochs=N or minutes=N") from None
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is nothing to train in")
    return {name: number}
