"""Train a checkpoint's whole network with labels, and write finetune.json beside it."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from leoclr_plugin.commands.networks import NETWORK_HELP
from leoclr_plugin.commands.results import add_out_argument, results_folder, write_result
from leoclr_plugin.commands.shared import TRIED, add_overrides_argument
from leoclr_plugin.terminal import say

EXAMPLE = "leoclr finetune trained_models/leoclr/offline-1a2b3c4d --labels 1% max_epochs=50"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("checkpoint_dir", help=NETWORK_HELP)
    add_overrides_argument(parser)
    add_out_argument(parser)
    parser.add_argument(
        "--config",
        help="a name under scripts/finetune, or a YAML file (default: the packaged config of the "
        "checkpoint's data set)",
    )
    parser.add_argument(
        "--labels",
        metavar="1%|N-per-class|FILE",
        help="the training images whose labels are used: a share of each class, a number of each "
        "class, or a file that lists them (default: all)",
    )


def run(args: argparse.Namespace) -> None:
    """Fine-tune the network, print its accuracy and write it."""
    from lightning.pytorch.utilities import rank_zero_only

    from leoclr_plugin.checkpoints.reading import input_size
    from leoclr_plugin.commands.on_checkpoint import load_config_for
    from leoclr_plugin.config.keys import FINETUNE
    from leoclr_plugin.data.label_lists import take_labels
    from leoclr_plugin.data.loaders import linear_train_loader, val_loader
    from leoclr_plugin.evaluation.finetune import finetune, parse_finetune
    from leoclr_plugin.evaluation.results import in_words
    from leoclr_plugin.training.batch_of_one import check_batch_norm
    from leoclr_plugin.zoo.source import open_source

    source = open_source(args.checkpoint_dir)
    cfg = load_config_for(source, FINETUNE, args.config, args.overrides)
    cfg = parse_finetune(cfg)
    if not cfg.get("fast_dev_run"):
        # Check before the training, which may take hours, that the results can be written.
        results_folder(args.out, source.folder)
    backbone = source.load_method().backbone
    size = (cfg.crop_size, cfg.crop_size) if cfg.crop_size else input_size(source.cfg)
    check_batch_norm(backbone, cfg, [size])
    labels = "all"
    with TemporaryDirectory() as temporary:
        if args.labels:
            # A trial of one batch writes nothing beside the run.
            trial = Path(temporary) if cfg.get("fast_dev_run") else None
            folder = trial or results_folder(args.out, source.folder)
            labels = take_labels(cfg.data, args.labels, folder)
        train = linear_train_loader(cfg, size)
    result = finetune(backbone, cfg, train, val_loader(cfg, size))
    if rank_zero_only.rank:
        return
    if cfg.get("fast_dev_run"):
        # The figures of one or two batches must not replace a real result.
        say(TRIED)
        return
    images = len(train.dataset)
    say(f"Fine-tuning with {images} labelled images: {in_words(result)}")
    content = {**result, "labels": labels, "images": images, "size": list(size)}
    suffix = f"-{labels}" if args.labels else ""
    name = f"finetune{suffix}.json"
    write_result(args.out, source.folder, name, {**content, "checkpoint": source.checkpoint.name})
