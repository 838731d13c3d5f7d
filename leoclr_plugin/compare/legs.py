"""Stopping a training at some epochs on its way, to evaluate it there."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer


class StopAfterEpochs(Callback):
    """Ends the training once so many epochs are done; its schedules go on to their own last epoch.

    The checkpoint of that epoch is written as for a last one, so that the same training, started
    again, goes on from there.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop where the epochs are done."""
        if trainer.current_epoch + 1 >= self.epochs:
            trainer.should_stop = True
