"""Find similar images as pairs to train on, look at the pairs, and match them with a control."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands import pairs_matched, pairs_mine, pairs_report

EXAMPLE = "leoclr pairs mine --data photos --encoder zoo:leoclr-resnet18-imagenette --out pairs.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    mine = what.add_parser("mine", help="find pairs of images whose similarity lies in a band")
    pairs_mine.add_arguments(mine)
    mine.set_defaults(act=pairs_mine.run)

    report = what.add_parser("report", help="show the similarities, some pairs, and their classes")
    _add_file(report)
    report.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder for the report (default: the file's)"
    )
    report.set_defaults(act=pairs_report.run)

    matched = what.add_parser("matched", help="write pairs of one class and their matched control")
    _add_file(matched)
    matched.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="folder to write the sets to"
    )
    matched.set_defaults(act=pairs_matched.run)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet file of pairs")
    pairs_mine.add_data_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Run the subcommand."""
    args.act(args)
