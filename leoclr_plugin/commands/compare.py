"""Pretrain and evaluate several methods on the same data and budget; writes one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import above_zero, add_comparison_arguments, positive

EXAMPLE = "leoclr compare imagenette/leoclr --methods leoclr,mocov2plus --budget epochs=10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_comparison_arguments(parser)
    parser.add_argument(
        "--methods",
        required=True,
        help="rows, by commas: a method such as mocov2plus; untrained; a method with changes of "
        "scripts/ablation, such as leoclr/moco-v2+small-crops; each with its own number of seeds "
        "as leoclr:3",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("comparison"), help="folder; a run there goes on"
    )
    parser.add_argument(
        "--evaluate-at",
        type=epochs_list,
        default=(),
        metavar="N,N",
        help="epochs after which each run is evaluated, besides its last",
    )
    parser.add_argument(
        "--transfer",
        type=named_folder,
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="other data sets, folders with train and val, for kNN and a linear probe",
    )
    parser.add_argument(
        "--rates",
        type=rates_list,
        default=(),
        metavar="LR,LR",
        help="learning rates; each row takes the one with the best linear probe on training "
        "images that are held out for it",
    )
    parser.add_argument(
        "--rate-epochs", type=positive, default=5, help="epochs for which a rate is tried"
    )
    parser.add_argument(
        "--held-out", type=positive, default=1000, help="images that are held out for the rates"
    )


def run(args: argparse.Namespace) -> None:
    """Compare and print the table."""
    from leoclr_plugin.compare.run import Budget, Measures, compare
    from leoclr_plugin.system.files import read_text

    methods = [name.strip() for name in args.methods.split(",") if name.strip()]
    measures = Measures(
        args.evaluate_at, tuple(args.transfer), args.rates, args.rate_epochs, args.held_out
    )
    budget = Budget(**args.budget)
    compare(args.config, methods, budget, args.seeds, args.out, args.overrides, measures)
    print(read_text(args.out / "table.txt"))
    print(f"Written to {args.out / 'report.html'}, results.csv and results.json")


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
