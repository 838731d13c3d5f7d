"""Saving before a run is made to leave, and going on from within an epoch."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.training.agreement import any_process

# SLURM's --signal=USR1@120, say, gives notice of a preemption or of the end of the time.
_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def leaving_signals(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """SIGTERM and SIGUSR1 call the handler, where Python lets us: in the main thread."""
    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class SaveBeforeLeaving(Callback):
    """On SIGTERM or SIGUSR1, writes a checkpoint between two steps and leaves.

    The exit code is 128 and the signal's number, as of a process that the signal ended. The
    checkpoint tells how far the epoch was; a resumed run goes on with the next batch. With
    several processes they leave together, some batches after the signal.
    """

    def __init__(self, checkpointer: Any, sampler: ShardSampler) -> None:
        """Keep what is needed.

        Args:
            checkpointer: the host's callback that writes the run's checkpoints.
            sampler: of the training's loader.
        """
        self.checkpointer, self.sampler = checkpointer, sampler
        self._signal = 0
        self._handled = ExitStack()
        self._batches_done = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals from Lightning."""
        self._handled.enter_context(leaving_signals(self._note))
        loop = trainer.fit_loop.epoch_loop
        if hasattr(loop, "_broadcast_sigterm_tensor"):
            # It waits for the device in each step, for a signal that does not get there now.
            loop._broadcast_sigterm_tensor = lambda: None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save and leave where a signal came. Before the step, when all counts are settled."""
        step, within = divmod(batch_idx, trainer.accumulate_grad_batches)
        if within or not any_process(trainer, bool(self._signal), step):
            return
        self._batches_done = batch_idx
        self.checkpointer.save(trainer)
        name = signal.Signals(self._signal or signal.SIGTERM).name
        if trainer.is_global_zero:
            print(
                f"{name}: saved {self.checkpointer.last_ckpt} after step {trainer.global_step}; "
                "go on with auto_resume.enabled=True",
                file=sys.stderr,
            )
        raise SystemExit(128 + (self._signal or signal.SIGTERM))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back, before Lightning does: it tears its own down first of all.

        Else what is put back is Lightning's handler, by which a program that goes on would not be
        ended, and would keep the trainer, its model and its loaders.
        """
        self._handled.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give them back of a training that failed, too."""
        self._handled.close()

    def state_dict(self) -> dict[str, Any]:
        """Batches of the epoch that are done, and torch's generator."""
        return {"batches_done": self._batches_done, "rng": torch.get_rng_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the checkpoint was written."""
        self.sampler.skipped = state_dict["batches_done"]
        torch.set_rng_state(state_dict["rng"].cpu())

    def _note(self, number: int, frame: Any) -> None:
        self._signal = number
