"""Arguments that several commands share.

The evaluators' arguments have the names of those of solo-learn's main_knn.py and main_umap.py.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from leoclr_plugin.checkpoints.reading import CheckpointFolder

TRIED = "fast_dev_run=True: a batch ran without an error, and nothing was written"


def add_checkpoint_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the checkpoint folder."""
    parser.add_argument(
        "checkpoint_dir", help="folder with a *.ckpt and its args.json, or the *.ckpt itself"
    )


def add_overrides_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the changes to the config."""
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="changes to the config in Hydra's syntax"
    )


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the evaluation's data; the default is the checkpoint's own data."""
    parser.add_argument("--dataset", help="data set (default: the checkpoint's own)")
    for name, images in (("train", "training"), ("val", "validation")):
        parser.add_argument(
            f"--{name}_data_path",
            action="append",
            metavar="PATH",
            help=f"folder or file of the {images} images; repeat it for several",
        )
    add_source_arguments(parser)
    parser.add_argument(
        "--train_labels", metavar="CSV", help="labels of training images that show several classes"
    )
    parser.add_argument("--val_labels", metavar="CSV", help="labels of the validation images")
    for split in ("train", "val"):
        parser.add_argument(
            f"--{split}_list",
            metavar="FILE",
            help=f"list of the {split} images to use (default: the checkpoint's own; '' for all)",
        )
    parser.add_argument(
        "--batch_size", type=positive, default=256, help="number of images to encode at once"
    )
    parser.add_argument("--num_workers", type=not_negative, help="threads that load images")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what the paths of images lead to."""
    from leoclr_plugin.config.datasets import SOURCES

    parser.add_argument(
        "--source", choices=SOURCES, help="what the paths lead to (default: told by their endings)"
    )
    parser.add_argument(
        "--image_key", help="column of the images, or their ending in tar shards (default: found)"
    )
    parser.add_argument(
        "--label_key", help="column of the labels, or their ending in tar shards (default: found)"
    )


def source_keys(args: argparse.Namespace) -> dict[str, str]:
    """Return the keys of ``data`` that the arguments of ``add_source_arguments`` give."""
    values = {key: getattr(args, key) for key in ("source", "image_key", "label_key")}
    return {key: value for key, value in values.items() if value is not None}


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of how the levels of images are read, as in ``data``."""
    parser.add_argument(
        "--channels", type=positive, help="data.channels of the images (default: RGB of 8 bits)"
    )
    parser.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="data.range, the levels that become 0 and 1 (default: told by the files' types)",
    )
    parser.add_argument(
        "--clip", action="store_true", help="data.clip, which moves other levels to these"
    )


def reading_keys(args: argparse.Namespace) -> DictConfig:
    """Return the keys of ``data`` that the arguments of ``add_reading_arguments`` give.

    Raises:
        UserError: if a value is out of its range.
    """
    from omegaconf import OmegaConf

    from leoclr_plugin.config.check import check_part

    values = {key: getattr(args, key) for key in ("channels", "range", "clip")}
    data = OmegaConf.create({key: value for key, value in values.items() if value})
    check_part("data", data)
    return data


def checkpoint_and_data(args: argparse.Namespace) -> tuple[CheckpointFolder, DictConfig]:
    """Open the checkpoint folder, and build the configuration of the evaluation's data."""
    from leoclr_plugin.checkpoints.reading import CheckpointFolder
    from leoclr_plugin.evaluation.data import evaluation_cfg

    source = CheckpointFolder.open(args.checkpoint_dir)
    cfg = evaluation_cfg(
        source.cfg,
        args.dataset,
        _one_or_more(args.train_data_path),
        _one_or_more(args.val_data_path),
        args.batch_size,
        args.num_workers,
        args.train_list,
        args.val_list,
        args.train_labels,
        args.val_labels,
        source_keys(args),
    )
    return source, cfg


def _one_or_more(paths: list[str] | None) -> str | list[str] | None:
    return paths[0] if paths and len(paths) == 1 else paths


def add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a comparison of methods."""
    parser.add_argument("config", help="the name of a config of leoclr under scripts/pretrain")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="changes to the config of all methods in Hydra's syntax",
    )
    parser.add_argument(
        "--budget",
        required=True,
        type=budget,
        metavar="epochs=N|minutes=N",
        help="budget of each method",
    )
    parser.add_argument("--seeds", type=positive, default=1, help="number of runs of each method")
    parser.add_argument(
        "--evaluate",
        default="",
        metavar="NAME,NAME",
        help="what each run is evaluated by, a column each: knn, linear, mAP, transfer:NAME (a "
        "data set in ./datasets, or a folder), finetune:1%%, measures (default: knn,linear)",
    )


def budget(text: str) -> dict[str, float]:
    """Parse ``epochs=N`` or ``minutes=N``."""
    name, _, value = text.partition("=")
    try:
        number = {"epochs": int, "minutes": float}[name](value)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"{text} is not epochs=N or minutes=N") from None
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} leaves nothing to train; give a number above 0")
    return {name: number}


def words_list(text: str) -> tuple[str, ...]:
    """Parse names that are separated by commas; each is taken once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} has no name")
    return names


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def not_negative(text: str) -> int:
    """Parse a whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is below 0")
    return number


def above_zero(text: str) -> float:
    """Parse a number above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{number} is not a number above 0")
    return number
