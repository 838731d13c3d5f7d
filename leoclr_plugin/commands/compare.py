"""Pretrain and evaluate several methods on the same data and budget, and write one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import above_zero, add_comparison_arguments, positive
from leoclr_plugin.terminal import say, say_text

EXAMPLE = "leoclr compare imagenette/leoclr --methods leoclr,mocov2plus --budget epochs=10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_comparison_arguments(parser)
    parser.add_argument(
        "--methods",
        required=True,
        help="rows, separated by commas: a method such as mocov2plus; untrained; or a method with "
        "changes from scripts/ablation, such as leoclr/moco-v2+small-crops; leoclr:3 sets the "
        "number of seeds of a row",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        help="output folder; an unfinished comparison in it is continued",
    )
    parser.add_argument(
        "--evaluate-at",
        type=epochs_list,
        default=(),
        metavar="N,N",
        help="epochs after which each run is evaluated in addition to its last epoch",
    )
    parser.add_argument(
        "--transfer",
        type=named_folder,
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="folders of other data sets with train and val; kNN and a linear probe are measured "
        "on them as well",
    )
    parser.add_argument(
        "--rates",
        type=rates_list,
        default=(),
        metavar="LR,LR",
        help="learning rates to try; each row takes the one with the best linear probe on "
        "held-out training images",
    )
    parser.add_argument(
        "--rate-epochs", type=positive, default=5, help="epochs to train with each of --rates"
    )
    parser.add_argument(
        "--held-out",
        type=positive,
        default=1000,
        help="number of training images to hold out for --rates",
    )


def run(args: argparse.Namespace) -> None:
    """Run the comparison and print its table."""
    from leoclr_plugin.compare.evaluations import parse_evaluations
    from leoclr_plugin.compare.run import Budget, Measures, compare
    from leoclr_plugin.system.files import read_text

    methods = [name.strip() for name in args.methods.split(",") if name.strip()]
    measures = Measures(
        args.evaluate_at,
        tuple(args.transfer),
        args.rates,
        args.rate_epochs,
        args.held_out,
        parse_evaluations(args.evaluate) if args.evaluate else (),
    )
    budget = Budget(**args.budget)
    compare(args.config, methods, budget, args.seeds, args.out, args.overrides, measures)
    say_text(read_text(args.out / "table.txt"))
    say(f"Written to {args.out / 'report.html'}, results.csv and results.json")


def epochs_list(text: str) -> tuple[int, ...]:
    """Parse numbers of epochs, ``25,50``."""
    return tuple(sorted({positive(part) for part in text.split(",")}))


def rates_list(text: str) -> tuple[float, ...]:
    """Parse learning rates, ``0.001,0.002``."""
    return tuple(dict.fromkeys(above_zero(part) for part in text.split(",")))


def named_folder(text: str) -> tuple[str, str]:
    """Parse ``NAME=FOLDER``."""
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise argparse.ArgumentTypeError(f"{text} is not NAME=FOLDER")
    return name, folder
