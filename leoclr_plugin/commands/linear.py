"""Train a linear probe on a checkpoint's frozen backbone, and write linear.json beside it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from leoclr_plugin.commands.results import add_out_argument, results_folder, write_result
from leoclr_plugin.commands.shared import TRIED, add_checkpoint_argument, add_overrides_argument
from leoclr_plugin.terminal import say

# What a protocol on extracted features takes besides the keys of the data.
_TAKEN_BY_ALL = ("optimizer.batch_size", "accelerator", "devices", "fast_dev_run")
EXAMPLE = "leoclr linear trained_models/leoclr/offline-1a2b3c4d max_epochs=20"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    add_overrides_argument(parser)
    add_out_argument(parser)
    parser.add_argument(
        "--config",
        help="a name under scripts/linear, or a YAML file (default: the packaged config of the "
        "checkpoint's data set)",
    )
    parser.add_argument(
        "--protocol",
        choices=("sgd", "svm", "quick"),
        default="sgd",
        help="sgd trains the host's linear model on augmented images; quick trains it on features "
        "that are extracted once, with a rate chosen on a tenth of the images; svm trains a linear "
        "SVM for each class on such features, as is usual for VOC 2007",
    )


def run(args: argparse.Namespace) -> None:
    """Train the probe, print its accuracy and write it."""
    from lightning.pytorch.utilities import rank_zero_only

    from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
    from leoclr_plugin.commands.on_checkpoint import load_config_for
    from leoclr_plugin.config.keys import LINEAR
    from leoclr_plugin.data.datasets import class_names
    from leoclr_plugin.data.loaders import linear_train_loader, val_loader
    from leoclr_plugin.evaluation.features import train_and_val_features
    from leoclr_plugin.evaluation.linear import linear, parse_linear
    from leoclr_plugin.evaluation.probe import tuned_linear_probe
    from leoclr_plugin.evaluation.results import in_words
    from leoclr_plugin.evaluation.svm import linear_svm
    from leoclr_plugin.training.batch_of_one import check_batch_norm

    if args.protocol != "sgd":
        _refuse_recipe(args.protocol, args.config, args.overrides)
    source = CheckpointFolder.open(args.checkpoint_dir)
    cfg = load_config_for(source, LINEAR, args.config, args.overrides)
    cfg = parse_linear(cfg)
    if not cfg.get("fast_dev_run"):
        # Check before the training, which may take hours, that the results can be written.
        results_folder(args.out, source.folder)
    method, size = source.load_method(), input_size(source.cfg)
    if args.protocol == "svm":
        name, file_name = "Linear SVM", "svm.json"
        features = train_and_val_features(method, cfg, size, source.checkpoint)
        result = linear_svm(*features, class_names(cfg.data))
    elif args.protocol == "quick":
        name, file_name = "Quick linear probe", "quick.json"
        features = train_and_val_features(method, cfg, size, source.checkpoint)
        result = tuned_linear_probe(cfg.data, *features, seed=cfg.seed)
    else:
        name, file_name = "Linear probe", "linear.json"
        if cfg.get("finetune"):
            check_batch_norm(method.backbone, cfg, [size])
        loaders = linear_train_loader(cfg, size), val_loader(cfg, size)
        result = linear(method.backbone, cfg, *loaders)
    if rank_zero_only.rank:
        return
    if cfg.get("fast_dev_run"):
        # The figures of one or two batches must not replace a real result.
        say(TRIED)
        return
    say(f"{name}: {in_words(result)}")
    content = {**result, "checkpoint": source.checkpoint.name}
    write_result(args.out, source.folder, file_name, content)


def _refuse_recipe(protocol: str, config: str | None, overrides: Sequence[str]) -> None:
    """Refuse changes to the training of sgd, which the other protocols would not make."""
    from leoclr_plugin.config.overrides import parse_overrides
    from leoclr_plugin.errors import UserError

    # Nothing is random in an SVM.
    taken = (*_TAKEN_BY_ALL, *(("seed",) if protocol == "quick" else ()))
    given = [override.key_or_group for override in parse_overrides(overrides)]
    for key in ["--config"] * (config is not None) + given:
        if key not in taken and not key.startswith("data."):
            raise UserError(f"--protocol {protocol} has a recipe of its own; leave {key} out")
