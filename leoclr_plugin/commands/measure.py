"""Measure checkpoints without labels: RankMe, LiDAR, alpha-ReQ, uniformity, alignment."""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leoclr_plugin.commands.networks import NETWORK_HELP
from leoclr_plugin.commands.results import add_out_argument, results_folder, write_result
from leoclr_plugin.commands.shared import (
    add_source_arguments,
    not_negative,
    positive,
    source_keys,
)
from leoclr_plugin.evaluation.protocol import MEASURED_IMAGES, MEASURED_VIEWS
from leoclr_plugin.terminal import say, say_text, tell

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from leoclr_plugin.checkpoints.reading import CheckpointFolder
    from leoclr_plugin.zoo.source import ZooSource

EXAMPLE = "leoclr measure trained_models/leoclr/offline-1a2b3c4d/*.ckpt --plot"
_FILE, _PLOT = "measures.json", "spectrum.png"
_DIGITS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help=f"{NETWORK_HELP}; several give one table",
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="folder or file of images, which need no labels (default: the run's training images)",
    )
    add_source_arguments(parser)
    parser.add_argument(
        "--images",
        type=_two_or_more,
        default=MEASURED_IMAGES,
        help="number of images to measure on",
    )
    parser.add_argument(
        "--views", type=_two_or_more, default=MEASURED_VIEWS, help="augmented views of each image"
    )
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="seed of the choice of images and crops"
    )
    parser.add_argument("--feature_type", choices=("backbone", "projector"), default="backbone")
    parser.add_argument("--num_workers", type=not_negative, help="threads that load images")
    parser.add_argument(
        "--plot", action="store_true", help=f"draw the singular values to {_PLOT} as well"
    )
    add_out_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Measure all checkpoints, print the table and write it."""
    from leoclr_plugin.checkpoints.reading import epoch_of
    from leoclr_plugin.data.stores.opening import shown
    from leoclr_plugin.evaluation.measures import Sample, measure
    from leoclr_plugin.plots.spectrum import require_matplotlib, spectrum_plot
    from leoclr_plugin.system.files import whole_file
    from leoclr_plugin.zoo.source import open_source

    if args.plot:
        require_matplotlib()
    sources = [open_source(name) for name in dict.fromkeys(args.runs)]
    samples = [
        Sample(_data(source, args), args.images, args.views, args.seed) for source in sources
    ]
    _tell_differences(sources, samples)
    # Check before the measurement, which may take minutes, that the results can be written.
    folders = [results_folder(args.out, source.folder) for source in sources]
    rows, spectra = [], []
    for source, sample in zip(sources, samples, strict=True):
        measured = measure(
            source.load_method(), source.cfg, sample, args.feature_type, source.checkpoint
        )
        row = {
            "checkpoint": source.checkpoint.name,
            "method": source.cfg.method,
            "epoch": epoch_of(source.checkpoint),
            **{name: _rounded(value) for name, value in measured.values.items()},
            "feature_type": args.feature_type,
            "data": shown(sample.data.train_path),
            "images": measured.images,
            "views": args.views,
            "seed": args.seed,
        }
        rows.append(row)
        spectra.append((source.checkpoint.name, measured.spectrum))
    say_text(_table(rows))
    rows_by_folder = defaultdict(list)
    for folder, row in zip(folders, rows, strict=True):
        rows_by_folder[folder].append(row)
    for folder, its_rows in rows_by_folder.items():
        write_result(args.out, folder, _FILE, {"measures": its_rows})
    if args.plot:
        path = folders[0] / _PLOT
        with whole_file(path) as part:
            spectrum_plot(spectra, part)
        say(f"Written to {path}")


def _data(source: CheckpointFolder | ZooSource, args: argparse.Namespace) -> DictConfig:
    """Return the ``data`` node of the images to measure on."""
    from omegaconf import OmegaConf

    from leoclr_plugin.data.levels import reading_of
    from leoclr_plugin.data.stores.opening import FOLDER, kind_of, paths_of, shown
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.data import source_of

    fields = {**source.cfg.data, **source_of(source.cfg.data), "format": "image_folder"}
    if args.data:
        workers = source.cfg.data.num_workers
        fields = {"dataset": "custom", "train_path": args.data, "num_workers": workers}
        fields |= {**source_keys(args), **reading_of(source.cfg.data)}
    if args.num_workers is not None:
        fields["num_workers"] = args.num_workers
    path = fields.get("train_path")
    if not path:
        raise UserError(f"{source.checkpoint}: it names no images; name some with --data")
    data = OmegaConf.create(fields)
    if kind_of(data, "train") == FOLDER and not all(Path(p).is_dir() for p in paths_of(path)):
        raise UserError(
            f"{source.checkpoint}: the data folder {shown(path)} is not there; name a folder of "
            "images with --data"
        )
    return data


def _tell_differences(
    sources: Sequence[CheckpointFolder | ZooSource], samples: Sequence[Any]
) -> None:
    """Say what makes the rows of the table hard to compare."""
    from leoclr_plugin.checkpoints.reading import input_size

    differences = {
        "training images": [sample.data.train_path for sample in samples],
        # The number of crops changes nothing about each of them.
        "augmentations": [{**source.cfg.augmentations[0], "num_crops": 1} for source in sources],
        "image sizes": [input_size(source.cfg) for source in sources],
    }
    names = [name for name, (first, *rest) in differences.items() if any(v != first for v in rest)]
    if names:
        tell(
            f"The checkpoints differ in their {' and '.join(names)}, and are each measured with "
            "their own, so compare the rows with care",
        )


def _rounded(value: float) -> float | None:
    # JSON has no infinity, which alpha-ReQ gives for a network that has collapsed.
    return round(value, _DIGITS) if math.isfinite(value) else None


def _table(rows: Sequence[dict[str, Any]]) -> str:
    from leoclr_plugin.metrics.label_free import COLUMNS
    from leoclr_plugin.report.tables import text_table

    header = ["checkpoint", *(title for title, _ in COLUMNS.values())]
    cells = [
        [row["checkpoint"]]
        + [
            "inf" if row[name] is None else f"{row[name]:.{digits}f}"
            for name, (_, digits) in COLUMNS.items()
        ]
        for row in rows
    ]
    return text_table(header, cells)


def _two_or_more(text: str) -> int:
    number = positive(text)
    if number < 2:
        raise argparse.ArgumentTypeError("at least 2 are needed")
    return number
