"""Stop a training after some of its epochs, so that it can be evaluated there."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer


class StopAfterEpochs(Callback):
    """Stops the training after a number of epochs without changing its schedules.

    A checkpoint of that epoch is written, so the same training can be started again and continues
    from there.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the training if the number of epochs is reached."""
        if trainer.current_epoch + 1 >= self.epochs:
            trainer.should_stop = True
