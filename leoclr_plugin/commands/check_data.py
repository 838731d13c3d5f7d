"""Decode all images of a folder or file and name the bad ones; the exit code is 1 if any is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leoclr_plugin.commands.shared import (
    add_reading_arguments,
    add_source_arguments,
    reading_keys,
    source_keys,
)
from leoclr_plugin.terminal import say

if TYPE_CHECKING:
    from leoclr_plugin.data.stored import Images

EXAMPLE = "leoclr check-data datasets/imagenet/train --write-list clean.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="folder of images, which may lie in subfolders of it, or what else data.train_path "
        "can name",
    )
    add_source_arguments(parser)
    add_reading_arguments(parser)
    parser.add_argument(
        "--dali", action="store_true", help="also check that DALI can decode them, on the CPU"
    )
    parser.add_argument(
        "--pairs",
        metavar="FILE",
        help="file of pairs of these images; partners that lie elsewhere are checked as well",
    )
    parser.add_argument(
        "--write-list",
        type=Path,
        metavar="FILE",
        help="write the names of the good images to FILE; use it with +data.train_list=FILE or "
        "+data.val_list=FILE",
    )


def run(args: argparse.Namespace) -> None:
    """Check the images and print the bad ones."""
    from leoclr_plugin.data.dali import require_dali
    from leoclr_plugin.data.datasets import list_name
    from leoclr_plugin.data.images import find_unreadable
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.data.lists import write_list
    from leoclr_plugin.data.stored import Images
    from leoclr_plugin.data.stores.opening import open_store
    from leoclr_plugin.errors import UserError

    levels = levels_of(reading_keys(args))
    if args.dali and levels is not None:
        raise UserError("--dali: DALI reads RGB of 8 bits only; leave out --channels and --range")
    data = {"train_path": args.paths, **source_keys(args)}
    images = Images(open_store(data, "train", labelled=False))
    own = len(images)
    if args.pairs:
        images = _with_partners(images, args.paths, args.pairs)
    if args.write_list and not args.write_list.parent.is_dir():
        raise UserError(
            f"--write-list {args.write_list}: the folder {args.write_list.parent} is not there; "
            "make it first"
        )
    if args.dali:
        require_dali()
    bad = find_unreadable(images, levels)
    if args.dali:
        bad |= _undecodable(images, [i for i in range(len(images)) if i not in bad])
    for index, reason in bad.items():
        say(f"{images.name(index)}: {reason}")
    say(f"{len(images) - len(bad)} of {len(images)} images are good, {len(bad)} bad")
    if args.write_list:
        # Partners that lie elsewhere follow, and are no images of the training.
        good = (list_name(data, images.name(i)) for i in range(own) if i not in bad)
        write_list(args.write_list, good)
        say(f"Written to {args.write_list}")
    if bad:
        sys.exit(1)


def _with_partners(images: Images, paths: list[str], pairs: str) -> Images:
    from omegaconf import OmegaConf

    from leoclr_plugin.config.defaults import defaults
    from leoclr_plugin.config.nodes import Pairs
    from leoclr_plugin.data.pairs.build import build_pairing

    node = {**defaults(Pairs), "file": pairs}
    data = {"train_path": paths[0] if len(paths) == 1 else paths, "pairs": node}
    everything, _ = build_pairing(images, images, OmegaConf.create(data), crops=1, views=1)
    return everything


def _undecodable(images: Images, indexes: list[int]) -> dict[int, str]:
    from tqdm import tqdm

    from leoclr_plugin.data.dali.graph import undecodable

    return dict(undecodable(images, tqdm(indexes, desc="Checking images with DALI"), "cpu"))
