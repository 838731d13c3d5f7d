"""Train a linear probe on a checkpoint's frozen backbone; writes linear.json beside it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from leoclr_plugin.commands.shared import TRIED, add_checkpoint_argument, add_overrides_argument

if TYPE_CHECKING:
    from leoclr_plugin.evaluation.checkpoint import CheckpointFolder

EXAMPLE = "leoclr linear trained_models/leoclr/offline-1a2b3c4d max_epochs=20"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    add_overrides_argument(parser)
    parser.add_argument(
        "--config",
        help="a name under scripts/linear or a YAML file (default: that of the checkpoint's data)",
    )


def run(args: argparse.Namespace) -> None:
    """Train the probe and print its accuracy."""
    from lightning.pytorch.utilities import rank_zero_only
    from omegaconf import OmegaConf

    from leoclr_plugin.config import load_config
    from leoclr_plugin.data.loaders import linear_train_loader, val_loader
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, input_size
    from leoclr_plugin.evaluation.linear import linear, linear_config_name, parse_linear
    from leoclr_plugin.files import write_json
    from leoclr_plugin.overrides import quote
    from leoclr_plugin.training.batch_of_one import check_batch_norm

    source = CheckpointFolder.open(args.checkpoint_dir)
    config = args.config or linear_config_name(source.cfg.data.dataset)
    of_checkpoint = _of_checkpoint(source)
    settled = {**of_checkpoint, **_data_of(source)}
    defaults = [f"{key}={quote(str(value))}" for key, value in settled.items()]
    cfg = load_config(config, "linear", [*defaults, *args.overrides])
    for key, value in of_checkpoint.items():
        wanted = OmegaConf.select(cfg, key)
        if str(wanted) != str(value):
            raise UserError(f"{key}={wanted}, but the checkpoint's is {value}; leave it out")
    cfg = parse_linear(cfg)
    backbone, size = source.load_method().backbone, input_size(source.cfg)
    if cfg.get("finetune"):
        check_batch_norm(backbone, cfg, [size])
    result = linear(backbone, cfg, linear_train_loader(cfg, size), val_loader(cfg, size))
    if rank_zero_only.rank:
        return
    if cfg.get("fast_dev_run"):
        # Of a batch or two: no result to take a real one's place.
        print(TRIED)
        return
    path = source.folder / "linear.json"
    write_json(path, {**result, "checkpoint": source.checkpoint.name})
    print(f"Linear probe: top-1 {result['top1']:.2f} %, top-5 {result['top5']:.2f} %")
    print(f"Written to {path}")


def _of_checkpoint(source: CheckpointFolder) -> dict[str, Any]:
    return {
        "pretrained_feature_extractor": source.checkpoint,
        "pretrain_method": source.cfg.method,
        "backbone.name": source.cfg.backbone.name,
    }


def _data_of(source: CheckpointFolder) -> dict[str, Any]:
    # What the probe is trained on unless the user says otherwise.
    data = source.cfg.data
    values = {key: data.get(key) for key in ("dataset", "train_path", "val_path")}
    return {f"data.{key}": value for key, value in values.items() if value}
