"""Save a checkpoint when a run is asked to end, and continue it within the epoch later."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from leoclr_plugin.data import draws
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.system.signals import leaving_signals
from leoclr_plugin.terminal import tell
from leoclr_plugin.training.agreement import any_process


class SaveBeforeLeaving(Callback):
    """On SIGTERM or SIGUSR1, write a checkpoint between two steps and exit.

    The exit code is 128 plus the signal's number, as for a process that a signal ends. The
    checkpoint has the number of batches that the epoch has done, so a resumed run continues with
    the next batch. Several processes exit together, some batches after the signal.
    """

    def __init__(self, checkpointer: Any, sampler: ShardSampler) -> None:
        """Create the callback.

        Args:
            checkpointer: the host's callback that writes the run's checkpoints.
            sampler: sampler of the training images.
        """
        self.checkpointer, self.sampler = checkpointer, sampler
        self._signal = 0
        self._signal_handlers = ExitStack()
        self._batches_done = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals from Lightning."""
        self._signal_handlers.enter_context(leaving_signals(self._record_signal))
        loop = trainer.fit_loop.epoch_loop
        if hasattr(loop, "_broadcast_sigterm_tensor"):
            # Lightning would wait for the device in every step to share a SIGTERM among the
            # processes. Its handler no longer receives the signal, so skip this.
            loop._broadcast_sigterm_tensor = lambda: None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save and exit if a signal arrived.

        This happens before a step and not after it, because Lightning's counters are only
        consistent then.
        """
        step, within = divmod(batch_idx, trainer.accumulate_grad_batches)
        if within or not any_process(trainer, bool(self._signal), step):
            return
        self._batches_done = batch_idx
        self.checkpointer.save(trainer)
        name = signal.Signals(self._signal or signal.SIGTERM).name
        if trainer.is_global_zero:
            tell(
                f"{name}: saved {self.checkpointer.last_ckpt} after step {trainer.global_step}; "
                "continue with auto_resume.enabled=True",
            )
        raise SystemExit(128 + (self._signal or signal.SIGTERM))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the previous signal handlers.

        This must happen before Lightning restores its own. Otherwise Lightning's handler would be
        put back afterwards: a program that continues could not be ended by SIGTERM, and the
        handler would keep the trainer, its model and its loaders in memory.
        """
        self._signal_handlers.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Restore the previous signal handlers after a failed training as well."""
        self._signal_handlers.close()

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch's finished batches, torch's random state and the way views are drawn."""
        return {
            "batches_done": self._batches_done,
            "rng": torch.get_rng_state(),
            "draws": draws.VERSION,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where the checkpoint was written."""
        self.sampler.skipped = state_dict["batches_done"]
        torch.set_rng_state(state_dict["rng"].cpu())
        if state_dict.get("draws") != draws.VERSION:
            tell(
                "the run was begun by an older leoclr-plugin, which drew its views from other "
                "random numbers: the result will not be that of an uninterrupted run",
            )

    def _record_signal(self, number: int, frame: Any) -> None:
        self._signal = number
