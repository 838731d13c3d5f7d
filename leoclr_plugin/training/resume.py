"""Find the earlier run that a training continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.checkpoints.reading import load_state_dict, read_checkpoint
from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.system.files import read_json
from leoclr_plugin.terminal import say

# Settings that change the weights and must be equal to resume a run. The host compares a shorter
# list of its own, for which runs with two seeds or two temperatures are the same. Paths of the
# data, workers, processes and loggers may differ.
_COMPARED_SETTINGS = (
    "seed",
    "method_kwargs",
    "momentum",
    "augmentations",
    "optimizer",
    "scheduler",
    "data.format",
    "data.fraction",
    "data.pairs",
    "data.train_list",
    "data.image_key",
    "precision",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "finetune",
    "mixup",
    "cutmix",
    "label_smoothing",
    "rand_augment",
    "ema_decay",
    "crop_size",
    "detection",
    "max_steps",
)


@dataclass(frozen=True)
class EarlierRun:
    """A run that a training continues.

    Attributes:
        checkpoint: the run's newest checkpoint.
        complete: whether the run has all of its epochs.
        steps: the number of optimizer steps that the checkpoint has.
        wandb_run_id: the run's id in wandb if the training continues there, otherwise None.
    """

    checkpoint: Path
    complete: bool
    steps: int = 0
    wandb_run_id: str | None = None


def resume(cfg: DictConfig, folder: str, model: nn.Module) -> EarlierRun | None:
    """Load the checkpoint that a training continues from, or return None if there is none.

    ``resume_from_checkpoint`` names the checkpoint. With ``auto_resume`` it is the newest
    checkpoint of the same training: one that the host's own rule accepts and that has the same
    seed, method, views, optimizer, schedule, images and precision. When a run fulfils only the
    host's rule, a printed line says what differs, and the training starts from the beginning.

    Args:
        cfg: a parsed configuration that contains the method's defaults.
        folder: folder of the runs under ``checkpoint.dir``: the method's name, ``linear``,
            ``finetune`` or ``detect``.
        model: the model that receives the weights.

    Raises:
        UserError: when the checkpoint is missing, cannot be read or belongs to another model.
    """
    path, wandb_run_id = _find(cfg, folder)
    if path is None:
        return None
    checkpoint = read_checkpoint(path)
    load_state_dict(model, checkpoint["state_dict"], path)
    if not {"loops", "optimizer_states"} <= checkpoint.keys():
        raise UserError(f"{path} has only weights; resuming needs the training's state as well")
    done = {"max_epochs": _epochs_of(checkpoint), "max_steps": checkpoint["global_step"]}
    # In Lightning -1 means a training without an end, which is never complete.
    reached = [f"{key}={cfg[key]}" for key in done if 0 <= cfg.get(key, -1) <= done[key]]
    if reached:
        say(f"{path} is complete, with all of its {reached[0]}")
    return EarlierRun(path, bool(reached), done["max_steps"], wandb_run_id)


def _find(cfg: DictConfig, folder: str) -> tuple[Path | None, str | None]:
    if cfg.resume_from_checkpoint is not None:
        return Path(cfg.resume_from_checkpoint), None
    if not cfg.auto_resume.enabled:
        return None, None
    rejected = None
    for run in _newest_first(Path(cfg.checkpoint.dir) / folder):
        # Read this file before the host does, because the host's error does not name a damaged
        # file.
        args = OmegaConf.create(read_json(run / "args.json"))
        checkpoint, _ = host().AutoResumer(run, cfg.auto_resume.max_hours).find_checkpoint(cfg)
        if checkpoint is None:
            continue
        different = different_settings(args, cfg)
        if not different:
            newest = _newest(run)
            say(f"Resuming from {newest}")
            return newest, args.wandb_run_id if args.wandb.enabled else None
        settings = ", ".join(different)
        rejected = rejected or f"{run} is not resumed because these settings differ: {settings}"
    if rejected:
        say(f"{rejected}; resume_from_checkpoint=... resumes a checkpoint in spite of this")
    return None, None


def different_settings(
    earlier: DictConfig, cfg: DictConfig, more: Sequence[str] = ()
) -> dict[str, tuple[Any, Any]]:
    """Return the settings that change the weights and are not equal in two configurations.

    Args:
        earlier: the configuration of an earlier training.
        cfg: the configuration of a training now.
        more: further keys to compare.

    Returns:
        The earlier value and the one now by key; None where a configuration has none.
    """
    values = {key: (_plain(earlier, key), _plain(cfg, key)) for key in (*_COMPARED_SETTINGS, *more)}
    return {key: (before, now) for key, (before, now) in values.items() if before != now}


def _newest_first(folder: Path) -> list[Path]:
    runs = [
        args.parent
        for args in folder.rglob("args.json")
        # Checkpoints that a callback writes into a folder of the run are not made to resume from.
        if any(args.parent.glob("*.ckpt")) and not (args.parents[1] / "args.json").exists()
    ]
    return sorted(runs, key=lambda run: _newest(run).stat().st_mtime_ns, reverse=True)


def _newest(run: Path) -> Path:
    # The host would take any checkpoint of the folder, so choose the newest here.
    return max(run.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)


def _plain(cfg: DictConfig, key: str) -> Any:
    value = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _epochs_of(checkpoint: dict[str, Any]) -> int:
    # A checkpoint that is written at the end of an epoch counts this epoch as processed, but not
    # yet as completed.
    return checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
