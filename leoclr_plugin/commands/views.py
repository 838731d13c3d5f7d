"""Draw the views that the networks receive: crops and original of several images, in a grid."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from leoclr_plugin.commands.shared import add_overrides_argument, not_negative, positive
from leoclr_plugin.terminal import say

if TYPE_CHECKING:
    import numpy as np
    from omegaconf import DictConfig

EXAMPLE = "leoclr views imagenette2-160/val --out views.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help="image or folder of images to draw, or what else data.train_path can name; several "
        "as data.train_path=[A,B]",
    )
    add_overrides_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("views.png"), help="PNG to write")
    parser.add_argument(
        "--config", default="imagenet/leoclr", help="config that the augmentations are taken from"
    )
    parser.add_argument("--images", type=positive, default=6, help="number of rows of the grid")
    parser.add_argument("--seed", type=not_negative, default=0, help="seed of the random views")


def run(args: argparse.Namespace) -> None:
    """Draw the grid and write it."""
    from PIL import Image

    from leoclr_plugin.config import load_config
    from leoclr_plugin.config.check import check_parts
    from leoclr_plugin.config.notes import tell_unknown_keys
    from leoclr_plugin.config.overrides import quote
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.report.view_grid import view_grid
    from leoclr_plugin.system.files import whole_file

    if Image.registered_extensions().get(args.out.suffix.lower()) not in Image.SAVE:
        raise UserError(f"--out {args.out}: the name has no known picture format; end it in .png")
    is_override = "=" in args.path and not Path(args.path).exists()
    first = args.path if is_override else f"data.train_path={quote(args.path)}"
    cfg = load_config(args.config, "pretrain", [first, *args.overrides])
    tell_unknown_keys(cfg)
    check_parts({"augmentations": cfg.augmentations, "data": cfg.data}, "pretrain")
    images = _some_images(cfg.data, args.images)
    if levels_of(cfg.data) is None:
        images = [Image.fromarray(image) for image in images]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    grid = view_grid(images, cfg, args.seed)
    with whole_file(args.out) as part:
        grid.save(part)
    say(f"Written to {args.out}")


def _some_images(data: DictConfig, count: int) -> list[np.ndarray]:
    """Decode images at equal distances in the list of all, so that they show several classes."""
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.data.stored import Images
    from leoclr_plugin.data.stores.files import FileStore
    from leoclr_plugin.data.stores.opening import FOLDER, kind_of, open_store, paths_of

    paths = paths_of(data.train_path)
    if kind_of(data, "train") == FOLDER and Path(paths[0]).is_file():
        images = Images(FileStore.of_paths(paths))
    else:
        images = Images(open_store(data, "train", labelled=False))
    indexes = range(len(images))[:: max(1, len(images) // count)][:count]
    return [images.decode(index, levels_of(data)) for index in indexes]
