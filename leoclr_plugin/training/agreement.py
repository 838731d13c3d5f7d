"""Stopping all processes of a training at the same step."""

from __future__ import annotations

from lightning.pytorch import Trainer

# The agreement is a collective that waits for the devices, so it is not made in each step.
BATCHES_PER_AGREEMENT = 20


def any_process(trainer: Trainer, mine: bool, batch_idx: int = 0) -> bool:
    """Whether something holds in any process; the same answer in all of them.

    Args:
        trainer: of the training.
        mine: whether it holds in this process.
        batch_idx: number of the batch. With several processes the answer is False but in each
            20th batch.
    """
    if trainer.world_size == 1:
        return mine
    if batch_idx % BATCHES_PER_AGREEMENT:
        return False
    return trainer.strategy.reduce_boolean_decision(mine, all=False)
