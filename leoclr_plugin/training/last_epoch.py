"""A checkpoint of the last epoch, whichever the host's frequency."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class SaveLastEpoch(Callback):
    """Writes a checkpoint after the last epoch where the host's Checkpointer writes none.

    That one writes after epochs 0, ``frequency``, 2 ``frequency``, ...: what was trained after the
    last of them would be lost.
    """

    def __init__(self, checkpointer: Any) -> None:
        """Keep the host's ``checkpointer``, which is to come before this one."""
        self.checkpointer = checkpointer

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save where the run ends here and it is not saved yet."""
        ends = (
            trainer.should_stop
            or trainer.current_epoch + 1 == trainer.max_epochs
            or trainer.global_step == trainer.max_steps
        )
        if ends and trainer.current_epoch % self.checkpointer.frequency:
            self.checkpointer.save(trainer)
