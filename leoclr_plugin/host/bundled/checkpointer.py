"""Checkpoints in solo-learn's layout: each run has a folder with ``args.json`` and the weights."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.system.files import write_text


class Checkpointer(pl.Callback):
    """Writes ``<logdir>/<version>/<name>-<version>-ep=<epoch>.ckpt`` after training epochs.

    Attributes:
        frequency: the number of epochs between two checkpoints.
        keep_prev: whether earlier checkpoints are kept.
        path: the run's folder; it is set when training starts.
    """

    def __init__(
        self, cfg: DictConfig, logdir: str | Path, frequency: int = 1, keep_prev: bool = False
    ) -> None:
        self.cfg, self.logdir = cfg, Path(logdir)
        self.frequency, self.keep_prev = frequency, keep_prev
        self.last_ckpt: Path | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Create the run's folder and write the configuration into it."""
        run_id = str(trainer.logger.version) if trainer.logger is not None else None
        self.version = run_id or f"offline-{secrets.token_hex(4)}"
        self.path = self.logdir / self.version
        if trainer.is_global_zero:
            self.path.mkdir(parents=True, exist_ok=True)
            args = {**OmegaConf.to_container(self.cfg), "wandb_run_id": run_id}
            write_text(self.path / "args.json", json.dumps(args, default=str))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write a checkpoint if this epoch is due for one."""
        if trainer.current_epoch % self.frequency == 0:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write the current epoch's checkpoint, and delete the last one only afterwards."""
        ckpt = self.path / f"{self.cfg.name}-{self.version}-ep={trainer.current_epoch}.ckpt"
        trainer.save_checkpoint(ckpt)
        if trainer.is_global_zero and self.last_ckpt not in (None, ckpt) and not self.keep_prev:
            self.last_ckpt.unlink()
        self.last_ckpt = ckpt
