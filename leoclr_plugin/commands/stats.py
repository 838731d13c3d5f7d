"""Compute mean and standard deviation of a folder's images, as overrides for their training."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leoclr_plugin.commands.shared import (
    add_reading_arguments,
    add_source_arguments,
    positive,
    reading_keys,
    source_keys,
)
from leoclr_plugin.terminal import say

if TYPE_CHECKING:
    from omegaconf import DictConfig

EXAMPLE = "leoclr stats xrays/train --channels 1 --out xrays.txt"
_DIGITS = 5  # significant digits of a number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="folder of images, or what else data.train_path can name",
    )
    add_source_arguments(parser)
    add_reading_arguments(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the overrides to FILE, on one line"
    )
    parser.add_argument("--num_workers", type=positive, default=4, help="threads that decode")


def run(args: argparse.Namespace) -> None:
    """Compute the statistics, print them and write the overrides."""
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.data.statistics import statistics
    from leoclr_plugin.data.stored import Images
    from leoclr_plugin.data.stores.opening import open_store
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.system.files import write_text

    data = reading_keys(args)
    if args.out and not args.out.parent.is_dir():
        raise UserError(f"--out {args.out}: the folder {args.out.parent} is not there; make it")
    store = open_store({"train_path": args.paths, **source_keys(args)}, "train", labelled=False)
    measured = statistics(Images(store), levels_of(data), args.num_workers)
    if not all(measured.std):
        raise UserError(
            f"channel {measured.std.index(0.0)} is the same in all pixels, so it "
            "has no standard deviation; leave it out of the images"
        )
    overrides = [*_words(data), *(_word(name, getattr(measured, name)) for name in ("mean", "std"))]
    line = " ".join(overrides)
    say(f"{measured.images} images, {measured.pixels} pixels; the overrides of their training:")
    say(line)
    if args.out:
        write_text(args.out, f"{line}\n")
        say(f"Written to {args.out}; use it with $(cat {shlex.quote(str(args.out))})")


def _words(data: DictConfig) -> list[str]:
    return [f"+data.{name}={data[name]}".replace(" ", "") for name in data]


def _word(name: str, numbers: Sequence[float]) -> str:
    return f"+data.{name}=[{','.join(f'{number:.{_DIGITS}g}' for number in numbers)}]"
