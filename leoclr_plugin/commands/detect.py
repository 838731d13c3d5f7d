"""Train a Faster R-CNN with a run's ResNet, and write detect.json beside the run."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.networks import NETWORK_HELP
from leoclr_plugin.commands.results import add_out_argument, results_folder, write_result
from leoclr_plugin.commands.shared import TRIED, add_overrides_argument
from leoclr_plugin.terminal import say

EXAMPLE = "leoclr detect trained_models/leoclr/offline-1a2b3c4d data.train_path=datasets"
_DEFAULT_CONFIG = "voc/moco"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("checkpoint_dir", metavar="RUN", help=NETWORK_HELP)
    add_overrides_argument(parser)
    add_out_argument(parser)
    parser.add_argument(
        "--config",
        default=_DEFAULT_CONFIG,
        help="a name under scripts/detect, or a YAML file (default: %(default)s, the recipe of "
        "MoCo's table of VOC)",
    )


def run(args: argparse.Namespace) -> None:
    """Train the detector, print its average precision and write it."""
    from lightning.pytorch.utilities import rank_zero_only

    from leoclr_plugin.commands.on_checkpoint import load_fixed
    from leoclr_plugin.config.keys import DETECT
    from leoclr_plugin.data.detection_sets import read_detection_set
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.data.views import normalization_of
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.detection import detect, parse_detection
    from leoclr_plugin.evaluation.detection_network import check_resnet
    from leoclr_plugin.zoo.source import open_source

    source = open_source(args.checkpoint_dir)
    if levels_of(source.cfg.data) is not None:
        raise UserError(
            f"{source.checkpoint} was trained with data.channels or data.range, and leoclr detect "
            "reads RGB images of 8 bits only"
        )
    cfg = parse_detection(load_fixed(source, DETECT, args.config, args.overrides))
    if not cfg.get("fast_dev_run"):
        # Check before the training, which may take days, that the results can be written.
        results_folder(args.out, source.folder)
    backbone = source.load_method().backbone
    check_resnet(backbone, source.checkpoint)
    settings = cfg.detection
    train, val = (
        read_detection_set(settings.layout, Path(root), settings[key], f"detection.{key}")
        for root, key in ((cfg.data.train_path, "train_sets"), (cfg.data.val_path, "val_sets"))
    )
    if train.classes != val.classes:
        raise UserError(
            "the classes of detection.train_sets and detection.val_sets differ; give both the same "
            "categories"
        )
    result = detect(backbone, cfg, train, val, normalization_of(source.cfg))
    if rank_zero_only.rank:
        return
    if cfg.get("fast_dev_run"):
        # The figures of one batch must not replace a real result.
        say(TRIED)
        return
    figures = ", ".join(f"{name} {result[name]:.2f} %" for name in ("AP", "AP50", "AP75"))
    sets = {key: list(settings[key]) for key in ("train_sets", "val_sets")}
    say(f"Faster R-CNN ({settings.network}) on {', '.join(sets['val_sets'])}: {figures}")
    about = {"network": settings.network, **sets, "checkpoint": source.checkpoint.name}
    write_result(args.out, source.folder, "detect.json", {**result, **about})
