"""Draw the views that the networks receive: crops and original of several images, in a grid."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import add_overrides_argument, positive

EXAMPLE = "leoclr views imagenette2-160/val --out views.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "source", type=Path, metavar="IMAGE_OR_FOLDER", help="image, or folder of images, to draw"
    )
    add_overrides_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("views.png"), help="PNG to write")
    parser.add_argument(
        "--config", default="imagenet/leoclr", help="config that the augmentations are taken from"
    )
    parser.add_argument("--images", type=positive, default=6, help="number of rows of the grid")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random views")


def run(args: argparse.Namespace) -> None:
    """Draw the grid and write it."""
    from PIL import Image

    from leoclr_plugin.config import load_config
    from leoclr_plugin.config.check import check_part
    from leoclr_plugin.config.notes import tell_unknown_keys
    from leoclr_plugin.data.images import list_images, open_levels, open_rgb
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.report.view_grid import view_grid
    from leoclr_plugin.system.files import whole_file

    if Image.registered_extensions().get(args.out.suffix.lower()) not in Image.SAVE:
        raise UserError(f"--out {args.out}: the name has no known picture format; end it in .png")
    if not args.source.exists():
        raise UserError(f"{args.source} is not there; name an image or a folder of images")
    paths = [args.source] if args.source.is_file() else list_images(args.source)
    if not paths:
        raise UserError(f"the folder {args.source} holds no image")
    # Take images at equal distances from the whole list, so that they show several classes.
    paths = paths[:: max(1, len(paths) // args.images)][: args.images]
    cfg = load_config(args.config, "pretrain", args.overrides)
    tell_unknown_keys(cfg)
    check_part("augmentations", cfg.augmentations, "pretrain")
    check_part("data", cfg.data)
    levels = levels_of(cfg.data)
    images = [open_rgb(path) if levels is None else open_levels(path, levels) for path in paths]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    grid = view_grid(images, cfg, args.seed)
    with whole_file(args.out) as part:
        grid.save(part)
    print(f"Written to {args.out}")
