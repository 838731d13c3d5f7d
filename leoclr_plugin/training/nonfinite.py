"""Guards that act on a loss that is infinite or not a number."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig

from leoclr_plugin.checkpoints.writing import AtomicCheckpointIO, describe
from leoclr_plugin.config.defaults import default_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.agreement import any_process

# This method has no targets in its first epoch. Its loss is then a mean over nothing, which is NaN,
# with a gradient of zero.
_NAN_IN_FIRST_EPOCH = "deepclusterv2"


def nonfinite_guard(cfg: DictConfig, checkpoints: AtomicCheckpointIO) -> Callback:
    """Return the guard that ``cfg.on_nonfinite`` names: ``stop``, ``skip`` or ``ignore``.

    The default is ``stop``, and ``ignore`` for DeepCluster v2. ``skip`` leaves out at most
    ``cfg.max_nonfinite`` optimizer steps of a run.
    """
    has_nan = cfg.get("method") == _NAN_IN_FIRST_EPOCH
    default = "ignore" if has_nan else default_of("on_nonfinite")
    action = cfg.get("on_nonfinite", default)
    if action == "stop":
        return StopOnNonfinite(checkpoints)
    if action == "ignore":
        return Callback()
    return SkipNonfinite(checkpoints, cfg.get("max_nonfinite", default_of("max_nonfinite")))


class StopOnNonfinite(Callback):
    """Stops the run before another checkpoint; the error names the step and the terms of its loss.

    On a GPU the values of a step are copied in the background and checked a step or two later, so
    that no step waits for them. All processes stop together.
    """

    def __init__(self, checkpoints: AtomicCheckpointIO) -> None:
        self.checkpoints = checkpoints
        self._pending: deque[tuple[int, list[str], torch.Tensor, Any]] = deque()
        self._error = ""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remember the step's values, and check those that have arrived."""
        if outputs is None:
            return
        names, values = _values(pl_module, outputs["loss"])
        arrived = None
        if values.is_cuda:
            values = values.to("cpu", non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        self._pending.append((trainer.global_step, names, values, arrived))
        while self._pending and (arrived is None or self._pending[0][-1].query()):
            self._check_next()
        self._stop(trainer, batch_idx)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check all remaining values before a checkpoint is written."""
        if self._pending:
            self._pending[-1][-1].synchronize()
        while self._pending:
            self._check_next()
        self._stop(trainer)

    def _check_next(self) -> None:
        step, names, values, _ = self._pending.popleft()
        bad = _nonfinite(names, values)
        if bad and not self._error:
            self._error = _message(step, bad, self.checkpoints)

    def _stop(self, trainer: Trainer, batch_idx: int = 0) -> None:
        if any_process(trainer, bool(self._error), batch_idx):
            raise UserError(self._error or "the loss of another process is not finite")


class SkipNonfinite(Callback):
    """Leaves out the optimizer's step, and restores the buffers that the batch has changed.

    Each step waits for the device. All processes leave out the same steps.
    """

    def __init__(self, checkpoints: AtomicCheckpointIO, limit: int) -> None:
        self.checkpoints, self.limit = checkpoints, limit
        self.skipped = 0
        self._saved_names: frozenset[str] = frozenset()
        self._buffers: dict[str, torch.Tensor] = {}
        self._bad: list[str] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the names of the buffers that a checkpoint has."""
        self._saved_names = frozenset(pl_module.state_dict())

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Copy batch norm's statistics and the queue before the step."""
        if batch_idx % trainer.accumulate_grad_batches == 0:
            buffers = pl_module.named_buffers()
            self._buffers = {name: b.clone() for name, b in buffers if name in self._saved_names}
            self._bad = []

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor
    ) -> None:
        """Check the loss."""
        self._bad += _nonfinite(*_values(pl_module, loss))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """Remove the gradients: the optimizer does not change a parameter without a gradient."""
        if not any_process(trainer, bool(self._bad)):
            return
        self.skipped += 1
        if self.skipped > self.limit:
            bad = self._bad or ["in another process"]
            skipped = f"max_nonfinite={self.limit} steps were skipped before it; "
            raise UserError(_message(trainer.global_step + 1, bad, self.checkpoints, skipped))
        optimizer.zero_grad(set_to_none=True)
        pl_module.load_state_dict(self._buffers, strict=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log how many steps of the run have been skipped."""
        pl_module.log("train_nonfinite_skipped", float(self.skipped))

    def state_dict(self) -> dict[str, int]:
        """Return the number of skipped steps."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restore the number of skipped steps."""
        self.skipped = state_dict["skipped"]


def _values(method: LightningModule, loss: torch.Tensor) -> tuple[list[str], torch.Tensor]:
    terms = {**getattr(method, "loss_terms", {}), "loss": loss}
    return list(terms), torch.stack([value.detach().float() for value in terms.values()])


def _nonfinite(names: list[str], values: torch.Tensor) -> list[str]:
    return [
        f"{name} {value}"
        for name, value in zip(names, values.tolist(), strict=True)
        if not abs(value) < float("inf")
    ]


def _message(step: int, bad: list[str], checkpoints: AtomicCheckpointIO, skipped: str = "") -> str:
    return (
        f"step {step} has a loss that is not finite ({', '.join(bad)}); "
        f"{skipped}{describe(checkpoints.last_good)}; lower optimizer.lr, or look at the batch"
    )
