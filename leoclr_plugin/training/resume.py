"""Which earlier run a training goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.checkpoint import load_state_dict, read_checkpoint
from leoclr_plugin.files import read_json
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
    "finetune",
)


@dataclass(frozen=True)
class EarlierRun:
    """A run that a training goes on from.

    Attributes:
        checkpoint: its newest.
        complete: whether it has all of its epochs.
        wandb_run_id: where it was logged to wandb and goes on by itself there.
    """

    checkpoint: Path
    complete: bool
    wandb_run_id: str | None = None


def resume(cfg: DictConfig, folder: str, model: nn.Module) -> EarlierRun | None:
    """Load what ``resume_from_checkpoint`` names or, with ``auto_resume``, the same training's.

    The same training is one that the host takes for it and whose seed, method, views, optimizer,
    schedule, images and precision are the same. Where only the host's rule is met, a line says
    what differs, and the training starts anew.

    Args:
        cfg: a parsed configuration, with the method's defaults filled in.
        folder: of ``checkpoint.dir``: the method's name, or ``linear``.
        model: gets the weights.

    Raises:
        UserError: for a checkpoint that is not there, cannot be read or is of another model.
    """
    path, wandb_run_id = _find(cfg, folder)
    if path is None:
        return None
    checkpoint = read_checkpoint(path)
    load_state_dict(model, checkpoint["state_dict"], path)
    if "loops" not in checkpoint:
        raise UserError(f"{path} has weights alone; to resume, the training's state is needed too")
    # max_epochs=-1 is Lightning's for a training without end.
    complete = 0 <= cfg.max_epochs <= _epochs_of(checkpoint)
    if complete:
        print(f"{path} is complete, with all of its max_epochs={cfg.max_epochs}")
    return EarlierRun(path, complete, wandb_run_id)


def _find(cfg: DictConfig, folder: str) -> tuple[Path | None, str | None]:
    if cfg.resume_from_checkpoint is not None:
        return Path(cfg.resume_from_checkpoint), None
    if not cfg.auto_resume.enabled:
        return None, None
    other = None
    for run in _newest_first(Path(cfg.checkpoint.dir) / folder):
        # Before the host reads it, who does not say which file is damaged.
        args = OmegaConf.create(read_json(run / "args.json"))
        found, _ = host().AutoResumer(run, cfg.auto_resume.max_hours).find_checkpoint(cfg)
        if found is None:
            continue
        differs = [key for key in _SAME if _plain(args, key) != _plain(cfg, key)]
        if not differs:
            newest = _newest(run)
            print(f"Resuming from {newest}")
            return newest, args.wandb_run_id if args.wandb.enabled else None
        other = other or f"{run} is not resumed, its {', '.join(differs)} being other than here"
    if other:
        print(f"{other}; resume_from_checkpoint=... goes on from a checkpoint all the same")
    return None, None


def _newest_first(folder: Path) -> list[Path]:
    runs = [args.parent for args in folder.rglob("args.json") if any(args.parent.glob("*.ckpt"))]
    return sorted(runs, key=lambda run: _newest(run).stat().st_mtime_ns, reverse=True)


def _newest(run: Path) -> Path:
    # Of several in the run's folder the host takes any.
    return max(run.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)


def _plain(cfg: DictConfig, key: str) -> Any:
    value = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _epochs_of(checkpoint: dict[str, Any]) -> int:
    # The epoch whose end wrote the checkpoint counts as processed, not yet as completed.
    return checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
