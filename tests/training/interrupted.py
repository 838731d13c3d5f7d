"""A small training that gets a signal, or a batch of NaN, at a given step.

usage: python -m tests.training.interrupted STEP SIGNAL|nan CONFIG [key=value ...]

With several processes the signal is the first one's, and the NaN the last one's.
"""

import os
import signal
import sys

from lightning.pytorch import Callback

from leoclr_plugin.config import load_config
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import pretrain


class AtStep(Callback):
    def __init__(self, step: int, what: str) -> None:
        self.step, self.what = step, what

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step != self.step:
            return
        if self.what == "nan" and trainer.global_rank == trainer.world_size - 1:
            batch[1][0].fill_(float("nan"))
        if self.what.startswith("SIG") and trainer.is_global_zero:
            os.kill(os.getpid(), signal.Signals[self.what])


step, what, config, *overrides = sys.argv[1:]
try:
    pretrain(load_config(config, "pretrain", overrides), [AtStep(int(step), what)])
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
