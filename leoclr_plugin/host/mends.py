"""What the real solo-learn breaks on with current libraries, mended from outside.

Each function is a no-op where nothing is broken.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from math import log
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import DictConfig, OmegaConf
from torchmetrics import Metric

from leoclr_plugin.errors import check_known, refused_values
from leoclr_plugin.host.bundled import knn, metrics

# Of a float32, with room for the sum over a thousand neighbours.
_LARGEST_EXPONENT = log(torch.finfo(torch.float32).max / 1000)


def mend_knn_classifier(WeightedKNNClassifier: type) -> None:
    """Let the host's kNN be built under torchmetrics 1.x, and compute what it cannot.

    It passes ``compute_on_step=False`` to ``Metric``, an argument that was ignored since
    torchmetrics 0.9 and is refused since 1.0. It counts the classes of the test images alone, and
    fails on a neighbour of another; and its weights are infinite, and the accuracy is none, where
    ``exp(1 / T)`` is beyond float32, as with the 0.01 of its own scripts. There ours computes.
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
            strange = torch.cat(self.train_targets).max() >= classes
            infinite = self.distance_fx == "cosine" and 1 / self.T > _LARGEST_EXPONENT
            if strange or infinite:
                return knn.WeightedKNNClassifier.compute(self)
        return original(self)

    WeightedKNNClassifier.compute = compute


def mend_accuracies(*modules: ModuleType) -> None:
    """Let accuracies among the first five be asked for of fewer classes, as ours can.

    ``modules`` are those that have imported the host's ``accuracy_at_k``.
    """
    for module in modules:
        module.accuracy_at_k = metrics.accuracy_at_k


def mend_classifier_losses(*modules: ModuleType) -> None:
    """Let the host's linear classifiers learn from several labels an image, and from none.

    The host's loss is the cross entropy of one class an image. In a batch without labels it is a
    mean over nothing: its gradient is zero and the training goes on, but its value is not a number.

    Args:
        modules: those of the host that compute a classifier's loss by ``F.cross_entropy``.
    """
    for module in modules:
        module.F = _FunctionalWithLabels()


class _FunctionalWithLabels:
    """``torch.nn.functional``, where ``cross_entropy`` takes several labels an image or none."""

    def __getattr__(self, name: str) -> Any:
        return getattr(F, name)

    @staticmethod
    def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        if targets.dim() == 2:
            return metrics.cross_entropy(logits, targets)
        loss = F.cross_entropy(logits, targets, **kwargs)
        return torch.where((targets != -1).any(), loss, 0.0)


def mend_configure_optimizers(model: type) -> None:
    """Let the host's ``model`` refuse an optimizer or schedule that it cannot build in a line.

    It asserts that it knows the optimizer, without a message, and lists schedules that it refuses.
    What it hands to the optimizer is plain: torch's older ones, such as that of 2.4, keep Adam's
    betas as they come, and a list of OmegaConf is code in a checkpoint, which is not read again.
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


def parsed_for_our_loaders(parse_cfg: Callable[[DictConfig], DictConfig]) -> Callable:
    """The host's ``parse_cfg``, taking ``data.format: dali`` with every data set.

    It asserts that the data set is one that its own DALI loader reads. Ours reads folders of any.
    """

    @wraps(parse_cfg)
    def parse(cfg: DictConfig) -> DictConfig:
        wanted = OmegaConf.select(cfg, "data.format", default="image_folder")
        cfg.data.format = "image_folder"
        try:
            return parse_cfg(cfg)
        finally:
            cfg.data.format = wanted

    return parse


def mend_lightning() -> None:
    """Let the stock scripts' ``Trainer(strategy=None, devices=[0], accelerator="cpu")`` be built.

    Lightning refuses ``strategy=None`` since 2.0, where its own default is ``"auto"``, and takes
    a CPU's devices as a number alone; the host's ``parse_cfg`` takes them as a list alone. Its
    configs synchronise batch norm, which torch does on GPUs alone and elsewhere refuses.
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
            print("sync_batchnorm=True needs GPUs; each process has its own", file=sys.stderr)
            kwargs["sync_batchnorm"] = False
        original(self, *args, **kwargs)

    parse = CPUAccelerator.parse_devices

    def parse_devices(devices: Any) -> Any:
        return parse(len(devices) if isinstance(devices, list) else devices)

    Trainer.__init__ = init
    CPUAccelerator.parse_devices = staticmethod(parse_devices)


def mend_missing_validation(datamodule: Any) -> None:
    """Let main_pretrain.py train with DALI where there is no validation set.

    It leaves ``None`` as the loader of its data module, and Lightning wants one.
    """
    if datamodule.val_dataloader() is None:
        datamodule.val_dataloader = lambda: []


def mend_without_gpu() -> None:
    """Let main_knn.py and main_umap.py, which ask for ``cuda``, run where there is none."""
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
