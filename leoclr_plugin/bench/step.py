"""The time of a training step of LeOCLR, compared to the host's mocov2plus."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from torch import nn
from tqdm import tqdm

from leoclr_plugin.bench.memory import peak_mib
from leoclr_plugin.bench.recipe import CROP_SCALE, QUEUE_SIZE, recipe
from leoclr_plugin.bench.spread import ratio_spread, spread
from leoclr_plugin.data.views import UNCHANGED
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.features import device
from leoclr_plugin.report.environment import environment
from leoclr_plugin.training.pretrain import build_method, prepare

_WARMUP_STEPS = 2
# Each of these changes of leoclr's configuration is compared to leoclr without it.
OPTIONS: dict[str, dict[str, Any]] = {
    "channels_first": {"performance.disable_channel_last": True},
    "query_both": {"method_kwargs.query": "both"},
    "joint_keys": {"method_kwargs.key_forward": "joint"},
    "bf16": {"precision": "bf16-mixed"},
    "compile": {"performance.compile": True},
}


def _has_fused_optimizer() -> bool:
    # torch 2.1 has no fused SGD. torch 2.3 accepts the argument on a CPU and then fails in the
    # first step, so a step is tried here.
    weight = nn.Parameter(torch.zeros(1, device=device()))
    weight.grad = torch.zeros_like(weight)
    try:
        torch.optim.SGD([weight], fused=True).step()
    except (TypeError, NotImplementedError):
        return False
    return True


if _has_fused_optimizer():
    OPTIONS["fused_optimizer"] = {"optimizer.kwargs.fused": True}


class StepRunner:
    """A method that makes whole training steps on synthetic images.

    A step is the forward and backward pass, the optimizer's step, and the update of the queue and
    of the momentum networks. There is no loader and no logging.
    """

    def __init__(
        self,
        method: str,
        backbone: str,
        batch_size: int,
        size: int,
        precision: str,
        crops: int = 2,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the method and a batch.

        Args:
            method: ``"leoclr"`` or ``"mocov2plus"``.
            backbone: the name of one of the host's backbones.
            batch_size: images per step.
            size: height and width in pixels.
            precision: ``"32"`` or ``"bf16-mixed"``.
            crops: the number of crops of each image.
            changes: new values of the configuration, by dotted keys.
        """
        cfg = _config(method, backbone, batch_size, size, crops, precision)
        for key, value in (changes or {}).items():
            OmegaConf.update(cfg, key, value, force_add=True)
        self.precision, self.where = cfg.precision, device()
        cfg = prepare(cfg)
        self.model = build_method(cfg).to(self.where).train()
        # The queue is full from the beginning, as it is in all but the first steps of a training.
        self.model.queue.copy_(F.normalize(torch.randn_like(self.model.queue), dim=-2))
        self.model.log = self.model.log_dict = lambda *args, **kwargs: None
        self.optimizer = self.model.configure_optimizers()
        images = [
            torch.randn(batch_size, 3, size, size, device=self.where)
            for _ in range(self.model.num_crops)
        ]
        targets = torch.randint(0, cfg.data.num_classes, (batch_size,), device=self.where)
        self.batch = [torch.arange(batch_size, device=self.where), images, targets]

    def timed_step(self) -> float:
        """Make one training step and return its seconds, including the GPU's work."""
        self.synchronize()
        start = time.perf_counter()
        self.step()
        self.synchronize()
        return time.perf_counter() - start

    def step(self) -> None:
        """Make one training step without waiting for the GPU, as a training does."""
        with self._autocast():
            loss = self.model.training_step(self.batch, 0)
        loss.backward()
        self.model.on_after_backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        for pair in self.model.momentum_pairs:
            self.model.momentum_updater.update(*pair)

    def _autocast(self) -> Any:
        if self.precision == "32":
            return nullcontext()
        return torch.autocast(self.where.type, torch.bfloat16)

    def synchronize(self) -> None:
        """Wait until the GPU, if there is one, has finished its work."""
        if self.where.type == "cuda":
            torch.cuda.synchronize()


def step_benchmark(
    backbone: str, batch_size: int, size: int, precision: str, steps: int, options: bool = False
) -> dict[str, Any]:
    """Time ``steps`` steps of both methods in turns, after a warm-up.

    Args:
        backbone: the name of one of the host's backbones.
        batch_size: images per step.
        size: height and width in pixels.
        precision: ``"32"`` or ``"bf16-mixed"``.
        steps: the number of timed steps of each method.
        options: whether to time leoclr with each of ``OPTIONS`` as well.

    Returns:
        A dictionary with these keys:

        - ``ratio``: leoclr's time divided by mocov2plus's (median, min and max over the turns).
        - ``option_ratios``: leoclr's time with each option divided by its time without.
        - ``seconds_per_step`` and ``peak_mib`` of each; the memory is what a step takes besides
          the weights, the queue and the optimizer.
        - ``raw_seconds``, ``settings`` and ``environment``.

    Raises:
        UserError: if the batch size does not divide the queue of mocov2plus.
    """
    if QUEUE_SIZE % batch_size:
        raise UserError(
            f"--batch-size {batch_size} does not divide mocov2plus's queue of {QUEUE_SIZE}; "
            "take a power of two"
        )
    shared = (backbone, batch_size, size, precision)
    runners = {name: StepRunner(name, *shared) for name in ("leoclr", "mocov2plus")}
    for name in OPTIONS if options else ():
        runners[name] = StepRunner("leoclr", *shared, changes=OPTIONS[name])
    times: dict[str, list[float]] = {name: [] for name in runners}
    for i in tqdm(range(_WARMUP_STEPS + steps), desc="Steps", leave=False):
        # The order is reversed in every second turn, so that no method always finds a warm cache.
        order = list(runners) if i % 2 else list(reversed(runners))
        for name in order:
            seconds = runners[name].timed_step()
            if i >= _WARMUP_STEPS:
                times[name].append(seconds)
    return {
        "ratio": ratio_spread(times["leoclr"], times["mocov2plus"]),
        "option_ratios": {
            name: ratio_spread(times[name], times["leoclr"]) for name in OPTIONS if name in times
        },
        "peak_mib": {
            name: peak_mib(runner.timed_step, runner.where) for name, runner in runners.items()
        },
        "seconds_per_step": {name: spread(values) for name, values in times.items()},
        "raw_seconds": times,
        "settings": {
            "backbone": backbone,
            "batch_size": batch_size,
            "size": size,
            "precision": precision,
            "steps": steps,
            "queue_size": QUEUE_SIZE,
        },
        "environment": environment(),
    }


def _config(
    method: str, backbone: str, batch_size: int, size: int, crops: int, precision: str
) -> Any:
    # The images are synthetic; these pipelines only give the number of views and their size.
    rrc = {"enabled": True, **CROP_SCALE}
    crop = {"crop_size": size, "num_crops": crops, "rrc": rrc, **UNCHANGED}
    original = {**crop, "crop_size": [size, size], "num_crops": 1, "rrc": {"enabled": False}}
    # Both have MoCo v2's projector and queue, so that only the methods differ.
    return OmegaConf.create(
        {
            **recipe(batch_size),
            "method": method,
            "name": method,
            "backbone": {"name": backbone, "kwargs": _backbone_kwargs(backbone, size)},
            "data": {"dataset": "imagenet", "train_path": "synthetic", "num_workers": 0},
            "augmentations": [crop, original] if method == "leoclr" else [crop],
            "accelerator": "auto",
            "precision": precision,
        }
    )


def _backbone_kwargs(backbone: str, size: int) -> dict[str, int]:
    return {"img_size": size} if backbone.startswith(("vit", "swin")) else {}
