"""Finds the checkpoint of an interrupted run with the same configuration."""

from __future__ import annotations

import time
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.host.bundled.cfg import omegaconf_select
from leoclr_plugin.system.files import read_json


class AutoResumer:
    """Finds the newest checkpoint of the same run that is at most ``max_hours`` old."""

    SHOULD_MATCH = (
        "name",
        "backbone",
        "method",
        "data.dataset",
        "max_epochs",
        "optimizer.name",
        "optimizer.batch_size",
        "optimizer.lr",
        "optimizer.weight_decay",
        "wandb.project",
        "wandb.entity",
        "pretrained_feature_extractor",
    )

    def __init__(self, checkpoint_dir: str | Path, max_hours: int = 36) -> None:
        self.checkpoint_dir, self.max_hours = Path(checkpoint_dir), max_hours

    def find_checkpoint(self, cfg: DictConfig) -> tuple[Path | None, str | None]:
        """Return the checkpoint and the id of its wandb run, or (None, None)."""
        oldest = time.time() - 3600 * self.max_hours
        recent = [p for p in self.checkpoint_dir.rglob("*.ckpt") if p.stat().st_ctime > oldest]
        for checkpoint in sorted(recent, key=lambda p: p.stat().st_ctime, reverse=True):
            args = OmegaConf.create(read_json(checkpoint.parent / "args.json"))
            if all(
                omegaconf_select(args, key) == omegaconf_select(cfg, key)
                for key in self.SHOULD_MATCH
            ):
                return checkpoint, omegaconf_select(args, "wandb_run_id")
        return None, None
