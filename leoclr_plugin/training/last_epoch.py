"""Save a checkpoint after the last epoch with every checkpoint frequency."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class SaveLastEpoch(Callback):
    """Write a checkpoint after the last epoch if the host's Checkpointer does not write one.

    The host's Checkpointer writes after epochs 0, ``frequency``, 2 ``frequency``, and so on.
    Everything that was learned after the last of these epochs would be lost.
    """

    def __init__(self, checkpointer: Any) -> None:
        """Create the callback.

        Args:
            checkpointer: the host's Checkpointer. It must come before this callback in the
                trainer's list of callbacks.
        """
        self.checkpointer = checkpointer

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if this is the last epoch and the host has not saved it."""
        if is_last_epoch(trainer) and trainer.current_epoch % self.checkpointer.frequency:
            self.checkpointer.save(trainer)


def is_last_epoch(trainer: Trainer) -> bool:
    """Return whether the training ends with the epoch that has just been trained."""
    return (
        trainer.should_stop
        or trainer.current_epoch + 1 == trainer.max_epochs
        or trainer.global_step == trainer.max_steps
    )
