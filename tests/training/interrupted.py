"""Run a small training that receives a signal or a batch of NaN at a given step.

usage: python -m tests.training.interrupted STEP SIGNAL|nan CONFIG [key=value ...]

With several processes, the first one receives the signal and the last one the NaN.
"""

import os
import signal
import sys

from lightning.pytorch import Callback

from leoclr_plugin.config import load_config
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import pretrain


class AtStep(Callback):
    """Cause the event before the batch that follows ``step`` training steps."""

    def __init__(self, step: int, event: str) -> None:
        self.step, self.event = step, event

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step != self.step:
            return
        if self.event == "nan" and trainer.global_rank == trainer.world_size - 1:
            batch[1][0].fill_(float("nan"))
        if self.event.startswith("SIG") and trainer.is_global_zero:
            os.kill(os.getpid(), signal.Signals[self.event])


step, event, config, *overrides = sys.argv[1:]
try:
    pretrain(load_config(config, "pretrain", overrides), [AtStep(int(step), event)])
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
