"""Which earlier run a training goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.host import host

# What decides the weights besides the host's own list, by which two seeds, or two temperatures,
# would be one run. Where the data lie, workers, processes and loggers may differ.
_SAME = (
    "seed",
    "method_kwargs",
    "momentum",
    "augmentations",
    "optimizer",
    "scheduler",
    "data.format",
    "data.fraction",
    "data.train_list",
    "precision",
    "accumulate_grad_batches",
    "gradient_clip_val",
)


@dataclass(frozen=True)
class EarlierRun:
    """A checkpoint to go on from and, where its run was logged to wandb, the run's id there."""

    checkpoint: Path
    wandb_run_id: str | None = None


def earlier_run(cfg: DictConfig) -> EarlierRun | None:
    """Find what ``resume_from_checkpoint`` names or, with ``auto_resume``, the same training's.

    The same training is one that the host takes for it and whose seed, method, views, optimizer,
    schedule, images and precision are the same. Where only the host's rule is met, a line says
    what differs, and the training starts anew.

    Args:
        cfg: a parsed configuration, with the method's defaults filled in.
    """
    if cfg.resume_from_checkpoint is not None:
        return EarlierRun(Path(cfg.resume_from_checkpoint))
    if not cfg.auto_resume.enabled:
        return None
    other = None
    for run in _newest_first(Path(cfg.checkpoint.dir) / cfg.method):
        found, _ = host().AutoResumer(run, cfg.auto_resume.max_hours).find_checkpoint(cfg)
        if found is None:
            continue
        args = OmegaConf.create(json.loads((run / "args.json").read_text()))
        differs = [key for key in _SAME if _plain(args, key) != _plain(cfg, key)]
        if not differs:
            newest = _newest(run)
            print(f"Resuming from {newest}")
            return EarlierRun(newest, args.wandb_run_id if args.wandb.enabled else None)
        other = other or f"{run} is not resumed, its {', '.join(differs)} being other than here"
    if other:
        print(f"{other}; resume_from_checkpoint=... goes on from a checkpoint all the same")
    return None


def _newest_first(folder: Path) -> Iterator[Path]:
    runs = [args.parent for args in folder.rglob("args.json") if any(args.parent.glob("*.ckpt"))]
    yield from sorted(runs, key=lambda run: _newest(run).stat().st_mtime_ns, reverse=True)


def _newest(run: Path) -> Path:
    # Of several in the run's folder the host takes any.
    return max(run.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)


def _plain(cfg: DictConfig, key: str) -> Any:
    value = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
