"""Pretrain any of the host's methods from a YAML config."""

from __future__ import annotations

import argparse

EXAMPLE = (
    "leoclr pretrain imagenette/leoclr data.train_path=imagenette2-160/train "
    "data.val_path=imagenette2-160/val max_epochs=10"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "config", help="a name under scripts/pretrain, such as imagenette/leoclr, or a YAML file"
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="changes to the config, as Hydra has them"
    )


def run(args: argparse.Namespace) -> None:
    """Train, and say where the checkpoint is and how to evaluate it."""
    from lightning.pytorch.utilities import rank_zero_only

    from leoclr_plugin.config import load_config

    cfg = load_config(args.config, "pretrain", args.overrides)

    from leoclr_plugin.training.pretrain import pretrain

    folder = pretrain(cfg)
    if rank_zero_only.rank:
        return
    print(f"Written to {folder}")
    if cfg.checkpoint.enabled:
        print(f"Evaluate it with: leoclr knn {folder}")
