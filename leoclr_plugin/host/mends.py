"""Mends of faults that the real solo-learn has with current libraries.

They change solo-learn's classes from outside. A function changes nothing if its fault is absent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from math import log
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import DictConfig, OmegaConf
from torchmetrics import Metric

from leoclr_plugin.errors import check_known, refused_values
from leoclr_plugin.host.bundled import knn, metrics, momentum
from leoclr_plugin.terminal import tell

# The largest x for which the sum of a thousand exp(x) is a finite float32.
_LARGEST_EXPONENT = log(torch.finfo(torch.float32).max / 1000)


def mend_knn_classifier(WeightedKNNClassifier: type) -> None:
    """Let the host's kNN be built with torchmetrics 1.x, and replace it where it would fail.

    The host's kNN has three faults:

    - It passes ``compute_on_step=False`` to ``Metric``, which torchmetrics refuses since 1.0.
    - It only counts the classes of the test images, and fails on a neighbour of another class.
    - Its weights are infinite and its accuracy is meaningless if ``exp(1 / T)`` is too large for
      float32, as with the temperature 0.01 of its own scripts.

    In the last two cases our kNN computes the result.
    """

    class WithoutComputeOnStep(Metric):
        def __init__(self, compute_on_step: bool = False, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    try:
        WeightedKNNClassifier()
    except ValueError:
        WeightedKNNClassifier.__bases__ = (WithoutComputeOnStep,)

    original = WeightedKNNClassifier.compute

    @wraps(original)
    def compute(self: Any) -> tuple[float, float]:
        if self.train_targets and self.test_targets:
            classes = torch.cat(self.test_targets).unique().numel()
            has_other_class = torch.cat(self.train_targets).max() >= classes
            overflows = self.distance_fx == "cosine" and 1 / self.T > _LARGEST_EXPONENT
            if has_other_class or overflows:
                return knn.WeightedKNNClassifier.compute(self)
        return original(self)

    WeightedKNNClassifier.compute = compute


def mend_accuracies(*modules: ModuleType) -> None:
    """Replace the host's ``accuracy_at_k``, which fails for top 5 with fewer than five classes.

    Args:
        modules: the modules that have imported it.
    """
    for module in modules:
        module.accuracy_at_k = metrics.accuracy_at_k


def mend_classifier_losses(*modules: ModuleType) -> None:
    """Let the host's linear classifiers learn from images with several labels or none.

    The host's loss is the cross entropy for one class per image. In a batch without labels it is a
    mean over nothing: the gradient is zero, so the training continues, but the value is NaN.

    Args:
        modules: the host's modules that compute a classifier's loss with ``F.cross_entropy``.
    """
    for module in modules:
        module.F = _FunctionalWithLabels()


class _FunctionalWithLabels:
    """``torch.nn.functional`` with a ``cross_entropy`` that accepts several labels, or none."""

    def __getattr__(self, name: str) -> Any:
        return getattr(F, name)

    @staticmethod
    def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        if targets.dim() == 2:
            return metrics.cross_entropy(logits, targets)
        loss = F.cross_entropy(logits, targets, **kwargs)
        return torch.where((targets != -1).any(), loss, 0.0)


def mend_configure_optimizers(model: type) -> None:
    """Let the host's ``model`` report a bad optimizer or schedule in one line.

    The host has an assertion without a message for the optimizer, and its list of schedules has
    some that it refuses.

    The optimizer gets plain Python values. Older versions of torch, such as 2.4, keep Adam's betas
    as they are given. A list of OmegaConf would then be saved as code, and a checkpoint with code
    cannot be read again.
    """
    original = model.configure_optimizers

    @wraps(original)
    def configure_optimizers(self: Any) -> Any:
        check_known("optimizer.name", self.optimizer, self._OPTIMIZERS)
        check_known("scheduler.name", self.scheduler.lower(), self._SCHEDULERS)
        if OmegaConf.is_config(self.extra_optimizer_args):
            self.extra_optimizer_args = OmegaConf.to_container(
                self.extra_optimizer_args, resolve=True
            )
        with refused_values("optimizer or scheduler", RuntimeError):
            return original(self)

    model.configure_optimizers = configure_optimizers


def mend_resumed_momentum(BaseMomentumMethod: type) -> None:
    """Let a resumed run of the host's momentum methods go on with its own tau.

    The host makes the first update of a resumed run with the tau of the very first step, and also
    if the optimizer has only accumulated gradients.
    """
    original = BaseMomentumMethod.on_train_start

    @wraps(original)
    def on_train_start(self: Any) -> None:
        original(self)
        momentum.resume_momentum(self)

    BaseMomentumMethod.on_train_start = on_train_start


def parsed_for_our_loaders(parse_cfg: Callable[[DictConfig], DictConfig]) -> Callable:
    """Return the host's ``parse_cfg`` with support for all data sets that our loaders read.

    The host has an assertion that its own DALI loader reads the data set, and counts the folders in
    ``data.train_path``, which may be a file or a list for our loaders. They count the classes
    themselves afterwards.
    """

    @wraps(parse_cfg)
    def parse(cfg: DictConfig) -> DictConfig:
        data_format = OmegaConf.select(cfg, "data.format", default="image_folder")
        cfg.data.format = "image_folder"
        train_path = cfg.data.train_path
        if not isinstance(train_path, str) or not Path(train_path).is_dir():
            cfg.data.train_path = os.curdir
        try:
            return parse_cfg(cfg)
        finally:
            cfg.data.format, cfg.data.train_path = data_format, train_path

    return parse


def mend_lightning() -> None:
    """Let the stock scripts build ``Trainer(strategy=None, devices=[0], accelerator="cpu")``.

    Lightning refuses ``strategy=None`` since 2.0; its own default is ``"auto"``. It accepts only a
    number as the devices of a CPU, and the host's ``parse_cfg`` accepts only a list. The host's
    configurations synchronise batch norm, which torch supports on GPUs only.
    """
    from lightning.pytorch import Trainer
    from lightning.pytorch.accelerators import CPUAccelerator

    original = Trainer.__init__

    @wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("strategy", "auto") is None:
            kwargs["strategy"] = "auto"
        on_cpu = kwargs.get("accelerator") == "cpu" or not torch.cuda.is_available()
        if kwargs.get("sync_batchnorm") and on_cpu:
            tell(
                "sync_batchnorm=True needs GPUs; each process normalises its own batch",
            )
            kwargs["sync_batchnorm"] = False
        original(self, *args, **kwargs)

    parse = CPUAccelerator.parse_devices

    def parse_devices(devices: Any) -> Any:
        return parse(len(devices) if isinstance(devices, list) else devices)

    Trainer.__init__ = init
    CPUAccelerator.parse_devices = staticmethod(parse_devices)


def mend_missing_validation(datamodule: Any) -> None:
    """Let main_pretrain.py train with DALI without a validation set.

    Its data module then has ``None`` as the validation loader, and Lightning needs a loader.
    """
    if datamodule.val_dataloader() is None:
        datamodule.val_dataloader = lambda: []


def mend_without_gpu() -> None:
    """Let main_knn.py and main_umap.py run without a GPU, although they ask for ``cuda``."""
    if torch.cuda.is_available():
        return

    def on_cpu(original: Any) -> Any:
        @wraps(original)
        def to(self: Any, *args: Any, **kwargs: Any) -> Any:
            args = ["cpu" if str(arg).startswith("cuda") else arg for arg in args]
            return original(self, *args, **kwargs)

        return to

    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    torch.Tensor.to = on_cpu(torch.Tensor.to)
    torch.nn.Module.to = on_cpu(torch.nn.Module.to)
