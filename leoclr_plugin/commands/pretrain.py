"""Pretrain any of the host's methods with a YAML config."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from leoclr_plugin.commands.shared import TRIED, add_overrides_argument
from leoclr_plugin.commands.zoo_weights import take_zoo_file
from leoclr_plugin.terminal import say, say_text

EXAMPLE = (
    "leoclr pretrain imagenette/leoclr data.train_path=imagenette2-160/train "
    "data.val_path=imagenette2-160/val max_epochs=10"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "config", help="a name under scripts/pretrain, such as imagenette/leoclr, or a YAML file"
    )
    add_overrides_argument(parser)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--multirun",
        "-m",
        action="store_true",
        help="train once with each combination of the values in key=a,b and key=range(1,4)",
    )
    mode.add_argument(
        "--cfg", "-c", choices=["job"], help="show the config with its changes and do not train"
    )


def run(args: argparse.Namespace) -> None:
    """Train, and print where the checkpoint is and how to evaluate it."""
    from leoclr_plugin.config import load_config

    if args.multirun:
        _train_each(args)
        return
    cfg = load_config(args.config, "pretrain", args.overrides)
    if args.cfg:
        from omegaconf import OmegaConf

        say_text(OmegaConf.to_yaml(cfg))
        return

    from lightning.pytorch.utilities import rank_zero_only

    from leoclr_plugin.training.pretrain import has_validation, pretrain

    take_zoo_file(cfg)
    folder = pretrain(cfg)
    if rank_zero_only.rank:
        return
    if folder is None:
        say(TRIED)
        return
    say(f"Written to {folder}")
    if cfg.checkpoint.enabled:
        # kNN needs labels, which the label-free measures do without.
        command = "knn" if has_validation(cfg) else "measure"
        say(f"Evaluate it with: leoclr {command} {shlex.quote(str(folder))}")


def _train_each(args: argparse.Namespace) -> None:
    from leoclr_plugin.config import load_config
    from leoclr_plugin.config.overrides import sweep
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.system.child import run_child

    if "TORCHELASTIC_RUN_ID" in os.environ:
        # The processes of torchrun can meet only once. In a second training they would wait for
        # each other forever.
        raise UserError("--multirun is not for torchrun; start torchrun once for each training")
    jobs = sweep(args.overrides)
    # Check all configurations now, so that the last one is not refused after days of training.
    for job in jobs:
        load_config(args.config, "pretrain", job)
    command = [sys.executable, "-m", "leoclr_plugin", "pretrain", args.config]
    command += ["--debug"] if args.debug else []
    failed = []
    for number, job in enumerate(jobs, start=1):
        say(f"Training {number} of {len(jobs)}: {' '.join(job)}", flush=True)
        # Each training runs in its own process, because Lightning starts the other processes of a
        # training with the same command line.
        if run_child([*command, *job]):
            failed.append(str(number))
    if failed:
        summary = f"{len(failed)} of {len(jobs)} trainings failed: {', '.join(failed)}"
        raise UserError(f"{summary}; their errors are printed above")
