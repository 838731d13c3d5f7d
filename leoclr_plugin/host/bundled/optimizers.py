"""The optimizers and the learning-rate schedules, under solo-learn's names."""

from __future__ import annotations

import math
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from timm.optim.lars import Lars
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

from leoclr_plugin.errors import check_known, refused_values

_OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "lars": Lars,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
_SCHEDULERS = ("warmup_cosine", "step", "none")

DEFAULTS = {
    "accumulate_grad_batches": 1,
    "optimizer.exclude_bias_n_norm_wd": False,
    "optimizer.kwargs": {},
    "scheduler.lr_decay_steps": None,
    "scheduler.min_lr": 0.0,
    "scheduler.warmup_start_lr": 3e-5,
    "scheduler.warmup_epochs": 10,
    "scheduler.interval": "step",
}


class LinearWarmupCosineAnnealingLR(LRScheduler):
    """The rate rises linearly from ``warmup_start_lr``, then falls to ``eta_min`` on a cosine.

    Each parameter group has its own highest rate.

    Attributes:
        warmup_epochs: the number of calls of ``step`` until the highest rate.
        max_epochs: the number of calls of ``step`` until ``eta_min``.
        highest: the highest rate that ``warmup_start_lr`` and ``eta_min`` are meant for. A group
            with another one has both in proportion. With None or 0 all groups have the same.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        warmup_epochs: float,
        max_epochs: float,
        warmup_start_lr: float,
        eta_min: float,
        highest: float | None = None,
    ) -> None:
        self.warmup_epochs, self.max_epochs = warmup_epochs, max_epochs
        self.warmup_start_lr, self.eta_min = warmup_start_lr, eta_min
        self.highest = highest
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        """Return the rates of all parameter groups at ``self.last_epoch``."""
        if not self.highest:
            return [self._rate(base_lr) for base_lr in self.base_lrs]
        return [base_lr / self.highest * self._rate(self.highest) for base_lr in self.base_lrs]

    def _rate(self, base_lr: float) -> float:
        if self.last_epoch <= self.warmup_epochs:
            return self._warmup_rate(self.last_epoch, base_lr)
        if self.last_epoch == self.max_epochs:
            # The formula below would be 0/0 if the warm-up took all steps but half a step.
            return self.eta_min
        # The cosine begins at the last rate of the warm-up, which may end between two steps.
        warmup_end = math.floor(self.warmup_epochs)
        height = self._warmup_rate(warmup_end, base_lr) - self.eta_min
        return self.eta_min + height * self._cosine(self.last_epoch) / self._cosine(warmup_end)

    def _warmup_rate(self, step: int, base_lr: float) -> float:
        if step == 0:
            return self.warmup_start_lr
        if step == self.warmup_epochs:
            return base_lr
        slope = (base_lr - self.warmup_start_lr) / (self.warmup_epochs - 1)
        return self.warmup_start_lr + step * slope

    def _cosine(self, step: int) -> float:
        progress = (step - self.warmup_epochs) / (self.max_epochs - self.warmup_epochs)
        return (1 + math.cos(math.pi * progress)) / 2


def take_settings(module: Any, cfg: DictConfig, rate_scale: float = 1.0) -> None:
    """Give ``module`` the attributes that ``configure_optimizers`` reads.

    Args:
        module: a method or a linear model.
        cfg: a configuration in which ``DEFAULTS`` are filled in.
        rate_scale: a factor for all learning rates.
    """
    module.max_epochs = cfg.max_epochs
    module.optimizer = cfg.optimizer.name
    module.lr = cfg.optimizer.lr * rate_scale
    module.weight_decay = cfg.optimizer.weight_decay
    # These must be plain Python values. Older optimizers of torch store Adam's betas as they are
    # given, and a checkpoint with a list of OmegaConf could not be loaded as weights only.
    module.extra_optimizer_args = OmegaConf.to_container(cfg.optimizer.kwargs, resolve=True)
    module.exclude_bias_n_norm_wd = cfg.optimizer.exclude_bias_n_norm_wd
    module.scheduler = cfg.scheduler.name
    module.lr_decay_steps = cfg.scheduler.lr_decay_steps
    module.min_lr = cfg.scheduler.min_lr * rate_scale
    module.warmup_start_lr = cfg.scheduler.warmup_start_lr * rate_scale
    module.warmup_epochs = cfg.scheduler.warmup_epochs
    module.scheduler_interval = cfg.scheduler.interval


def configure_optimizers(module: Any, groups: list[dict[str, Any]], own_rates: bool = False) -> Any:
    """Build the optimizer and schedule that ``module``'s attributes describe.

    Args:
        module: a method or a linear model after ``take_settings``. A schedule by steps also needs
            its ``trainer``.
        groups: the parameter groups.
        own_rates: whether ``warmup_cosine`` keeps the groups' rates in proportion. As in
            solo-learn, all groups have one first and one last rate otherwise.

    Returns:
        A value that Lightning's ``configure_optimizers`` may return.

    Raises:
        UserError: if the optimizer or the schedule is unknown, or if it refuses a value.
    """
    check_known("optimizer.name", module.optimizer, _OPTIMIZERS)
    check_known("scheduler.name", module.scheduler, _SCHEDULERS)
    with refused_values("optimizer or scheduler", RuntimeError):
        return _build(module, groups, own_rates)


def _build(module: Any, groups: list[dict[str, Any]], own_rates: bool) -> Any:
    kwargs, excluded = dict(module.extra_optimizer_args), {}
    if module.optimizer == "lars":
        kwargs["trust_coeff"] = kwargs.pop("eta", 1e-3)
        kwargs["trust_clip"] = kwargs.pop("clip_lr", False)
        # Without this timm's LARS would not adapt groups without weight decay, such as that of
        # the classifier.
        kwargs["always_adapt"] = True
        if kwargs.pop("exclude_bias_n_norm", False):
            excluded["always_adapt"] = False
    if excluded or module.exclude_bias_n_norm_wd:
        groups = _without_decay_of_bias_and_norm(groups, excluded)
    optimizer = _OPTIMIZERS[module.optimizer](
        groups, lr=module.lr, weight_decay=module.weight_decay, **kwargs
    )
    if module.scheduler == "none":
        return optimizer
    if module.scheduler == "step":
        return [optimizer], [MultiStepLR(optimizer, list(module.lr_decay_steps))]

    interval, max_steps, per_epoch = module.scheduler_interval, module.max_epochs, 1
    if interval == "step":
        max_steps = module.trainer.estimated_stepping_batches
        per_epoch = max_steps / module.max_epochs
    # A network that is kept as it is has the rate 0, and its classifier has another one.
    highest = module.lr or max(group["lr"] for group in optimizer.param_groups)
    start = highest if own_rates else module.lr
    schedule = LinearWarmupCosineAnnealingLR(
        optimizer,
        warmup_epochs=module.warmup_epochs * per_epoch,
        max_epochs=max_steps,
        warmup_start_lr=start if module.warmup_epochs == 0 else module.warmup_start_lr,
        eta_min=module.min_lr,
        highest=highest if own_rates else None,
    )
    return [optimizer], [{"scheduler": schedule, "interval": interval, "frequency": 1}]


def _without_decay_of_bias_and_norm(
    groups: list[dict[str, Any]], excluded: dict[str, Any]
) -> list[dict[str, Any]]:
    split = []
    for group in groups:
        params = list(group["params"])
        weights = [p for p in params if p.ndim > 1]
        bias_and_norm = [p for p in params if p.ndim <= 1]
        if weights:
            split.append({**group, "params": weights})
        if bias_and_norm:
            split.append({**group, "params": bias_and_norm, "weight_decay": 0, **excluded})
            if "name" in group:
                split[-1]["name"] += "_no_decay"
    return split
