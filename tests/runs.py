"""Folders of runs, made without training."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from omegaconf import OmegaConf

from leoclr_plugin.evaluation.checkpoint import CheckpointFolder
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from tests.configs import method_cfg


def run_folder(folder: Path, **changes) -> CheckpointFolder:
    """A run's folder as the host writes it, with a network that has seen some images."""
    cfg = host().parse_pretrain_cfg(method_cfg(**changes))
    torch.manual_seed(0)
    model = METHODS["leoclr"](cfg)
    with torch.no_grad():
        # Batch norm's statistics are part of what travels.
        model.backbone(2 * torch.randn(8, 3, 32, 32) + 1)
    folder.mkdir(parents=True)
    torch.save({"state_dict": model.state_dict()}, folder / "test-ep=0.ckpt")
    args = OmegaConf.to_container(cfg, resolve=True)
    (folder / "args.json").write_text(json.dumps(args, default=str))
    return CheckpointFolder.open(folder)
