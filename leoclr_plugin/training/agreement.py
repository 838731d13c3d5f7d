"""Let all processes of a training stop at the same step."""

from __future__ import annotations

from lightning.pytorch import Trainer

# Asking all processes makes them wait for one another, so this is not done in every step.
STEPS_PER_AGREEMENT = 20


def any_process(trainer: Trainer, mine: bool, step: int = 0) -> bool:
    """Return whether a condition holds in any process. All processes get the same answer.

    Args:
        trainer: trainer of this process.
        mine: whether the condition holds in this process.
        step: index of the step within the epoch. With several processes, they are only asked in
            every 20th step, and the answer in all other steps is False.
    """
    if trainer.world_size == 1:
        return mine
    if step % STEPS_PER_AGREEMENT:
        return False
    return trainer.strategy.reduce_boolean_decision(mine, all=False)
