"""What to do about a loss that is not a number, or is infinite."""

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

# Has no targets in its first epoch: its loss is a mean over nothing, and its gradient zero.
_WITHOUT_TARGETS_AT_FIRST = "deepclusterv2"


def nonfinite_guard(cfg: DictConfig, checkpoints: AtomicCheckpointIO) -> Callback:
    """The guard that ``cfg.on_nonfinite`` names: ``stop``, ``skip`` or ``ignore``.

    The default is ``stop``, for DeepCluster v2 ``ignore``. ``skip`` leaves out at most
    ``cfg.max_nonfinite`` optimizer steps of a run.
    """
    late = cfg.get("method") == _WITHOUT_TARGETS_AT_FIRST
    default = "ignore" if late else default_of("on_nonfinite")
    action = cfg.get("on_nonfinite", default)
    if action == "stop":
        return StopOnNonfinite(checkpoints)
    if action == "ignore":
        return Callback()
    return SkipNonfinite(checkpoints, cfg.get("max_nonfinite", default_of("max_nonfinite")))


class StopOnNonfinite(Callback):
    """Ends the run, naming the step and the terms of its loss; no later checkpoint is written.

    On a GPU the values of a step are looked at when they have arrived by themselves, a step or
    two later, so that none is waited for. With several processes all of them stop together.
    """

    def __init__(self, checkpoints: AtomicCheckpointIO) -> None:
        self.checkpoints = checkpoints
        self._under_way: deque[tuple[int, list[str], torch.Tensor, Any]] = deque()
        self._found = ""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the step's values, and look at those that have arrived."""
        if outputs is None:
            return
        names, values = _values(pl_module, outputs["loss"])
        arrived = None
        if values.is_cuda:
            values = values.to("cpu", non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        self._under_way.append((trainer.global_step, names, values, arrived))
        while self._under_way and (arrived is None or self._under_way[0][-1].query()):
            self._look()
        self._stop(trainer, batch_idx)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at all of them before a checkpoint is written."""
        if self._under_way:
            self._under_way[-1][-1].synchronize()
        while self._under_way:
            self._look()
        self._stop(trainer)

    def _look(self) -> None:
        step, names, values, _ = self._under_way.popleft()
        bad = _offending(names, values)
        if bad and not self._found:
            self._found = _message(step, bad, self.checkpoints)

    def _stop(self, trainer: Trainer, batch_idx: int = 0) -> None:
        if any_process(trainer, bool(self._found), batch_idx):
            raise UserError(self._found or "the loss of another process is not finite")


class SkipNonfinite(Callback):
    """Leaves out the optimizer's step, and puts back the buffers that the batch has changed.

    Waits for the device in each step. All processes leave out the same steps.
    """

    def __init__(self, checkpoints: AtomicCheckpointIO, limit: int) -> None:
        self.checkpoints, self.limit = checkpoints, limit
        self.skipped = 0
        self._kept: frozenset[str] = frozenset()
        self._buffers: dict[str, torch.Tensor] = {}
        self._bad: list[str] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note which buffers a checkpoint keeps."""
        self._kept = frozenset(pl_module.state_dict())

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep batch norm's statistics and the queue as they are before the step."""
        if batch_idx % trainer.accumulate_grad_batches == 0:
            buffers = pl_module.named_buffers()
            self._buffers = {name: b.clone() for name, b in buffers if name in self._kept}
            self._bad = []

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor
    ) -> None:
        """Look at the loss."""
        self._bad += _offending(*_values(pl_module, loss))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """Take the gradients away: a parameter without one is left as it is."""
        if not any_process(trainer, bool(self._bad)):
            return
        self.skipped += 1
        if self.skipped > self.limit:
            bad = self._bad or ["of another process"]
            before = f"max_nonfinite={self.limit} steps were skipped before it; "
            raise UserError(_message(trainer.global_step + 1, bad, self.checkpoints, before))
        optimizer.zero_grad(set_to_none=True)
        pl_module.load_state_dict(self._buffers, strict=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log how many steps of the run were skipped so far."""
        pl_module.log("train_nonfinite_skipped", float(self.skipped))

    def state_dict(self) -> dict[str, int]:
        """The steps that were skipped."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on counting."""
        self.skipped = state_dict["skipped"]


def _values(method: LightningModule, loss: torch.Tensor) -> tuple[list[str], torch.Tensor]:
    terms = {**getattr(method, "loss_terms", {}), "loss": loss}
    return list(terms), torch.stack([value.detach().float() for value in terms.values()])


def _offending(names: list[str], values: torch.Tensor) -> list[str]:
    return [
        f"{name} {value}"
        for name, value in zip(names, values.tolist(), strict=True)
        if not abs(value) < float("inf")
    ]


def _message(step: int, bad: list[str], checkpoints: AtomicCheckpointIO, before: str = "") -> str:
    return (
        f"step {step} has a loss that is not finite ({', '.join(bad)}); "
        f"{before}{describe(checkpoints.last_good)}; lower optimizer.lr, or look at the batch"
    )
