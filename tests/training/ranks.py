"""Run a distributed training in which each process writes its final state to a file.

usage: python -m tests.training.ranks FOLDER CONFIG [key=value ...]
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from lightning.pytorch import Callback
from torch import nn
from torch.distributed.nn.functional import all_reduce

from leoclr_plugin.config import load_config
from leoclr_plugin.training.pretrain import pretrain


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over the images of all processes, for training only.

    torch's own synchronised batch norm needs GPUs.
    """

    def forward(self, x):
        dims = [0, *range(2, x.ndim)]
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean = all_reduce(x.sum(dim=dims, keepdim=True)) / count
        centred = x - mean
        variance = all_reduce(centred.square().sum(dim=dims, keepdim=True)) / count
        scaled = centred * torch.rsqrt(variance + self.eps)
        return scaled * self.weight.view_as(mean) + self.bias.view_as(mean)


class Record(Callback):
    """Record losses and gradients, and write them with the weights at the end of the training."""

    def __init__(self, out: Path, keep_batch_norm: bool) -> None:
        self.out, self.keep_batch_norm = out, keep_batch_norm
        self.losses, self.gradients = [], {}

    def setup(self, trainer, pl_module, stage):
        if trainer.world_size > 1 and not self.keep_batch_norm:
            for module in pl_module.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.__class__ = SyncedBatchNorm

    def on_after_backward(self, trainer, pl_module):
        if trainer.global_step == 1:
            self.gradients = {
                name: parameter.grad.clone()
                for name, parameter in pl_module.named_parameters()
                if parameter.grad is not None
            }

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())

    def on_train_end(self, trainer, pl_module):
        content = {
            "losses": self.losses,
            "gradients": self.gradients,
            "state": pl_module.state_dict(),
        }
        torch.save(content, self.out / f"{trainer.global_rank}.pt")


folder, config, *overrides = sys.argv[1:]
cfg = load_config(config, "pretrain", overrides)
pretrain(cfg, [Record(Path(folder), cfg.get("keep_batch_norm", False))])
