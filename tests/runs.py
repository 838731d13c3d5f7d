"""Make the folder of a run without training."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from omegaconf import OmegaConf

from leoclr_plugin.checkpoints.reading import CheckpointFolder
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from tests.configs import method_cfg


def run_folder(folder: Path, **changes) -> CheckpointFolder:
    """Write a run's folder as the host does. Its network has processed one batch of images."""
    # Exports and the zoo know a ResNet.
    cfg = host().parse_pretrain_cfg(method_cfg(**{"backbone__name": "resnet18", **changes}))
    torch.manual_seed(0)
    model = METHODS["leoclr"](cfg)
    with torch.no_grad():
        # A forward pass changes the statistics of batch norm, which exports must keep.
        model.backbone(2 * torch.randn(8, 3, 32, 32) + 1)
    folder.mkdir(parents=True)
    torch.save({"state_dict": model.state_dict()}, folder / "test-ep=0.ckpt")
    args = OmegaConf.to_container(cfg, resolve=True)
    (folder / "args.json").write_text(json.dumps(args, default=str))
    return CheckpointFolder.open(folder)
