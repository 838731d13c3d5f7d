"""Train a linear probe on a checkpoint's frozen backbone, and write linear.json beside it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from leoclr_plugin.commands.results import add_out_argument, results_folder, write_result
from leoclr_plugin.commands.shared import TRIED, add_checkpoint_argument, add_overrides_argument

if TYPE_CHECKING:
    from leoclr_plugin.checkpoints.reading import CheckpointFolder

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
        choices=("sgd", "svm"),
        default="sgd",
        help="sgd trains the host's linear model; svm trains a linear SVM for each class on "
        "features that are extracted once, as is usual for VOC 2007",
    )


def run(args: argparse.Namespace) -> None:
    """Train the probe, print its accuracy and write it."""
    from lightning.pytorch.utilities import rank_zero_only
    from omegaconf import OmegaConf

    from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
    from leoclr_plugin.config import load_config
    from leoclr_plugin.config.overrides import parse_overrides, quote
    from leoclr_plugin.data.datasets import class_names
    from leoclr_plugin.data.loaders import linear_train_loader, val_loader
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.data import take_lists
    from leoclr_plugin.evaluation.features import train_and_val_features
    from leoclr_plugin.evaluation.linear import linear, linear_config_name, parse_linear
    from leoclr_plugin.evaluation.results import in_words
    from leoclr_plugin.evaluation.svm import linear_svm
    from leoclr_plugin.training.batch_of_one import check_batch_norm

    source = CheckpointFolder.open(args.checkpoint_dir)
    config = args.config or linear_config_name(source.cfg.data.dataset)
    fixed = _fixed_keys(source)
    changed = {override.key_or_group for override in parse_overrides(args.overrides)}
    from_checkpoint = {**fixed, **_default_data(source, changed)}
    defaults = [f"++{key}={quote(str(value))}" for key, value in from_checkpoint.items()]
    cfg = load_config(config, "linear", [*defaults, *args.overrides])
    for key, value in fixed.items():
        given = OmegaConf.select(cfg, key)
        if str(given) != str(value):
            raise UserError(f"{key}={given}, but the checkpoint's is {value}; leave it out")
    take_lists(cfg.data, source.cfg.data)
    cfg = parse_linear(cfg)
    if not cfg.get("fast_dev_run"):
        # Check before the training, which may take hours, that the results can be written.
        results_folder(args.out, source.folder)
    method, size = source.load_method(), input_size(source.cfg)
    if args.protocol == "svm":
        name, file_name = "Linear SVM", "svm.json"
        features = train_and_val_features(method, cfg, size, source.checkpoint)
        result = linear_svm(*features, class_names(cfg.data))
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
        print(TRIED)
        return
    print(f"{name}: {in_words(result)}")
    content = {**result, "checkpoint": source.checkpoint.name}
    write_result(args.out, source.folder, file_name, content)


def _fixed_keys(source: CheckpointFolder) -> dict[str, Any]:
    """Return the keys that must have the checkpoint's values."""
    return {
        "pretrained_feature_extractor": source.checkpoint,
        "pretrain_method": source.cfg.method,
        "backbone.name": source.cfg.backbone.name,
    }


def _default_data(source: CheckpointFolder, changed: set[str]) -> dict[str, Any]:
    """Return the checkpoint's data, which the probe uses unless the user names other data."""
    from omegaconf import OmegaConf

    keys = ("data.dataset", "data.train_path", "data.val_path")
    # The labels files belong to the checkpoint's own images.
    labels = () if changed.intersection(keys) else ("data.labels", "data.val_labels")
    values = {key: OmegaConf.select(source.cfg, key) for key in (*keys, *labels)}
    return {key: value for key, value in values.items() if value}
