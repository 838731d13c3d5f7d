"""Refuse a batch that is too small for batch norm before the first step."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.data.levels import channels_of
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.errors import UserError


@torch.no_grad()
def check_batch_norm(network: nn.Module, cfg: DictConfig, sizes: Iterable[tuple[int, int]]) -> None:
    """Check that batch norm has more than one value of each channel in a training step.

    One image is enough if the layer sees several pixels of it. To find out, a copy of the network
    runs once on a batch of the training's size. This is not necessary if a batch has two images or
    more, or if batch norm is synchronised over several processes.

    Args:
        network: the network to train; it takes images ``[N, C, H, W]``.
        cfg: a configuration whose hardware is settled.
        sizes: the heights and widths of the images in pixels.

    Raises:
        UserError: if the batch is too small; it names the batch size.
    """
    batch_size = cfg.optimizer.batch_size
    parts = OmegaConf.select(cfg, "method_kwargs.bn_splits", default=1)
    if batch_size // parts > 1 or (cfg.get("sync_batchnorm") and processes(cfg) > 1):
        return
    trial = copy.deepcopy(network).train()
    # The trial must not change the random numbers of the training.
    with torch.random.fork_rng(devices=[]):
        for height, width in sizes:
            try:
                trial(torch.zeros(batch_size, channels_of(cfg.data), height, width))
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                split = f" in method_kwargs.bn_splits={parts} parts" if parts > 1 else ""
                raise UserError(
                    f"optimizer.batch_size={batch_size}{split} leaves batch norm one value of each "
                    f"channel at {height} x {width} pixels; set it to at least {2 * parts}"
                ) from error
