"""Test what changes with each batch and with each optimizer step in gradient accumulation."""

import itertools

import torch
from lightning.pytorch import Callback

from leoclr_plugin.training.pretrain import pretrain
from tests.configs import method_cfg


class Record(Callback):
    """Record the state of the training after each batch."""

    def __init__(self):
        self.batches = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        (schedule,) = trainer.lr_scheduler_configs
        self.batches.append(
            {
                "step": trainer.global_step,
                "keys": pl_module._keys_in_queues[0],
                "tau": pl_module.momentum_updater.cur_tau,
                "momentum": next(pl_module.momentum_backbone.parameters()).clone(),
                "weight": next(pl_module.backbone.parameters()).clone(),
                "schedule": schedule.scheduler.last_epoch,
            }
        )


def test_queue_changes_with_each_batch_and_the_rest_with_each_step(image_folder, tmp_path):
    record = Record()
    cfg = method_cfg(
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=None,
        optimizer__batch_size=4,
        accumulate_grad_batches=2,
        method_kwargs__queue_size=1000,
        scheduler={"name": "warmup_cosine", "warmup_epochs": 1},
        checkpoint={"enabled": False, "dir": str(tmp_path)},
        enable_progress_bar=False,
    )
    pretrain(cfg, [record])
    # 40 images are ten batches and five steps in each of the two epochs.
    batches = record.batches
    assert [batch["step"] for batch in batches] == [(i + 1) // 2 for i in range(20)]
    assert [batch["keys"] for batch in batches] == [8 * (i + 1) for i in range(20)]
    assert [batch["schedule"] for batch in batches] == [(i + 1) // 2 for i in range(20)]
    assert changes(batches, "weight") == [True, False] * 9 + [True]
    # This callback runs before the method updates the momentum network, so it sees each update
    # one batch later.
    assert changes(batches, "momentum") == [False, True] * 9 + [False]
    assert changes(batches, "tau") == [False, True] * 9 + [False]


def changes(batches, key):
    """Return for each pair of consecutive batches whether a value changed."""
    pairs = itertools.pairwise(batch[key] for batch in batches)
    return [not torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs]
