"""Train LeOCLR with one thing changed and add the result to the table of the ablation."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import add_comparison_arguments

EXAMPLE = "leoclr ablation imagenette/leoclr --row third-crop --budget epochs=10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_comparison_arguments(parser)
    parser.add_argument(
        "--row", required=True, help="what to change; a name under scripts/ablation"
    )
    parser.add_argument("--out", type=Path, default=Path("ablation"), help="folder of the table")


def run(args: argparse.Namespace) -> None:
    """Run the row and print the table."""
    from leoclr_plugin.compare.ablation import ablate
    from leoclr_plugin.compare.evaluations import parse_evaluations
    from leoclr_plugin.compare.run import Budget, Measures

    budget = Budget(**args.budget)
    measures = Measures(evaluations=parse_evaluations(args.evaluate) if args.evaluate else ())
    print(ablate(args.config, args.row, budget, args.seeds, args.out, args.overrides, measures))
    print(f"Written to {args.out / 'table.txt'} and rows.json")
