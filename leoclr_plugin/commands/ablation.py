"""Train LeOCLR and its baselines with one thing changed, and add the results to the table."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import add_comparison_arguments, words_list
from leoclr_plugin.terminal import say, say_text

EXAMPLE = "leoclr ablation imagenette/leoclr --rows original,no-grey,crop-only --budget epochs=10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_comparison_arguments(parser)
    parser.add_argument(
        "--rows",
        "--row",
        required=True,
        type=words_list,
        metavar="NAME,NAME+NAME",
        help="what to change in each row: names under scripts/ablation, separated by commas; a "
        "plus joins changes that are made together",
    )
    parser.add_argument(
        "--methods",
        type=words_list,
        default=(),
        metavar="NAME,NAME",
        help="what each row compares, as in leoclr compare (default: leoclr, and mocov2plus where "
        "it can have the change)",
    )
    parser.add_argument("--out", type=Path, default=Path("ablation"), help="folder of the table")


def run(args: argparse.Namespace) -> None:
    """Run the rows and print the table."""
    from leoclr_plugin.compare.ablation import ablate
    from leoclr_plugin.compare.evaluations import parse_evaluations
    from leoclr_plugin.compare.run import Budget, Measures

    budget = Budget(**args.budget)
    measures = Measures(evaluations=parse_evaluations(args.evaluate) if args.evaluate else ())
    table = ablate(
        args.config,
        args.rows,
        budget,
        args.seeds,
        args.out,
        args.overrides,
        args.methods,
        measures,
    )
    say_text(table)
    plot = ", ablation.svg" if (args.out / "ablation.svg").exists() else ""
    say(f"Written to {args.out / 'table.txt'}, rows.json, report.html{plot}")
