"""Run one of several processes on a training loader and write the image indexes of each epoch.

usage: python -m tests.training.shard RANK WORLD FORMAT STORE FOLDER OUT
"""

import sys
from pathlib import Path

import torch.distributed as dist

from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg

rank, world, (form, store, folder, out) = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
cfg = method_cfg(
    data__dataset="custom",
    data__train_path=folder,
    data__format=form,
    optimizer__batch_size=4,
)
loader = pretrain_loader(prepare(cfg))
with Path(out).open("w") as file:
    for epoch in range(3):
        sampler_of(loader).set_epoch(epoch)
        indexes = [int(i) for batch, _, _ in loader for i in batch]
        print(epoch, len(loader), *indexes, file=file)
