"""Stopping all processes of a training at the same step."""

from __future__ import annotations

from lightning.pytorch import Trainer

# The agreement is a collective that waits for the devices, so it is not made in each step.
STEPS_PER_AGREEMENT = 20


def any_process(trainer: Trainer, mine: bool, step: int = 0) -> bool:
    """Whether something holds in any process; the same answer in all of them.

    Args:
        trainer: of the training.
        mine: whether it holds in this process.
        step: number within the epoch. With several processes the answer is False but in each
            20th step.
    """
    if trainer.world_size == 1:
        return mine
    if step % STEPS_PER_AGREEMENT:
        return False
    return trainer.strategy.reduce_boolean_decision(mine, all=False)
