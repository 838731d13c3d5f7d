"""Decode every image of a folder and name the bad ones; the exit code is 1 if there are any."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXAMPLE = "leoclr check-data datasets/imagenet/train --write-list clean.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "folder", type=Path, help="folder of images, which may lie in subfolders of it"
    )
    parser.add_argument(
        "--dali", action="store_true", help="also check that DALI can decode them, on the CPU"
    )
    parser.add_argument(
        "--write-list",
        type=Path,
        metavar="FILE",
        help="write the paths of the good images to FILE; use it with +data.train_list=FILE or "
        "+data.val_list=FILE",
    )


def run(args: argparse.Namespace) -> None:
    """Check the images and print the bad ones."""
    from leoclr_plugin.data.dali import require_dali
    from leoclr_plugin.data.images import find_unreadable, list_images
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.system.files import write_text

    paths = list_images(args.folder) if args.folder.is_dir() else []
    if not paths:
        raise UserError(f"{args.folder} is no folder with images")
    if args.write_list and not args.write_list.parent.is_dir():
        raise UserError(
            f"--write-list {args.write_list}: the folder {args.write_list.parent} is not there; "
            "make it first"
        )
    if args.dali:
        require_dali()
    bad = find_unreadable(paths)
    if args.dali:
        bad |= _undecodable([str(path) for path in paths if str(path) not in bad])
    for path, reason in bad.items():
        print(f"{path}: {reason}")
    print(f"{len(paths) - len(bad)} of {len(paths)} images are good, {len(bad)} bad")
    if args.write_list:
        good = [str(path.relative_to(args.folder)) for path in paths if str(path) not in bad]
        write_text(args.write_list, "".join(f"{name}\n" for name in good))
        print(f"Written to {args.write_list}")
    if bad:
        sys.exit(1)


def _undecodable(paths: list[str]) -> dict[str, str]:
    from tqdm import tqdm

    from leoclr_plugin.data.dali.graph import undecodable

    return dict(undecodable(tqdm(paths, desc="Checking images with DALI"), "cpu"))
