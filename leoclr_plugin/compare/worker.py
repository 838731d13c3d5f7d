"""Run one step of a comparison for one method and seed in a process of its own.

usage: python -m leoclr_plugin.compare.worker STEP FOLDER

``FOLDER`` holds ``config.yaml`` and ``budget.json``. Each step has a process of its own, so that a
method that fails or uses up memory cannot affect the next ones. A training may itself start
several processes, of which only the first writes the figures. In these processes, an evaluation
or a second training would wait for the other processes forever, so it needs a new process too.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.data.sampler import processes
from leoclr_plugin.environment import environment
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, read_checkpoint
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.evaluation.probe import tuned_linear_probe
from leoclr_plugin.files import read_json, write_json
from leoclr_plugin.report.curves import read_resumed_metric
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain

UNTRAINED = "untrained"
# Each step with the file that it writes when it is done.
STEPS = {"trial": "trial.json", "train": "training.json", "evaluate": "result.json"}
_TRIAL_STEPS = 12
_WARMUP_STEPS = 2


class StepTimes(Callback):
    """Measure the duration of each training step, including data loading and logging.

    Attributes:
        seconds: duration of each step, also of those before an interruption. The first steps of
            an epoch are left out, because they wait for the loader to start.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last_end = 0.0
        self._steps_since_start = 0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out the next steps."""
        self._steps_since_start = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the time since the end of the previous step."""
        now = time.perf_counter()
        if self._steps_since_start >= _WARMUP_STEPS:
            self.seconds.append(now - self._last_end)
        self._steps_since_start += 1
        self._last_end = now

    def state_dict(self) -> dict[str, Any]:
        """Return the durations so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the durations before an interruption."""
        self.seconds = list(state_dict["seconds"])


def run(step: str, folder: Path) -> None:
    """Run one of ``STEPS`` and write its file to the folder.

    ``trial`` measures how many epochs fit into a budget of minutes. ``train`` pretrains, and
    continues an interrupted pretraining. ``evaluate`` measures kNN and the linear probe.

    Args:
        step: a key of ``STEPS``.
        folder: folder of the method and seed.
    """
    cfg = OmegaConf.load(folder / "config.yaml")
    {"trial": _trial, "train": _train, "evaluate": _evaluate}[step](cfg, folder)


def _trial(cfg: DictConfig, folder: Path) -> None:
    minutes = read_json(folder / "budget.json")["minutes"]
    steps = cfg.images // (processes(cfg) * cfg.optimizer.batch_size)
    times = StepTimes()
    cfg.max_epochs, cfg.limit_train_batches = 1, _TRIAL_STEPS
    cfg.checkpoint.enabled = cfg.auto_resume.enabled = False
    cfg.data.val_path = None
    with tempfile.TemporaryDirectory() as temporary:
        cfg.checkpoint.dir = temporary
        pretrain(cfg, [times])
    if rank_zero_only.rank:
        return
    epochs = max(1, int(60 * minutes / (median(times.seconds) * steps)))
    write_json(folder / STEPS["trial"], {"epochs": epochs, "seconds": times.seconds})


def _train(cfg: DictConfig, folder: Path) -> None:
    trial = folder / STEPS["trial"]
    if trial.exists():
        # Set this before training starts: the schedules depend on the number of epochs, and a
        # resumed run must have the same number.
        cfg.max_epochs = read_json(trial)["epochs"]
    batch_size = processes(cfg) * cfg.optimizer.batch_size
    times = StepTimes()
    checkpoint = pretrain(cfg, [times])
    if rank_zero_only.rank:
        return
    # Take the durations from the checkpoint: if an earlier call completed the training, only the
    # checkpoint has them.
    state = read_checkpoint(CheckpointFolder.open(checkpoint).checkpoint)
    step = median(state["callbacks"][times.state_key]["seconds"])
    content = {
        "checkpoint": str(checkpoint),
        "epochs": cfg.max_epochs,
        "seconds_per_epoch": step * (cfg.images // batch_size),
        "images_per_second": batch_size / step,
        "peak_memory_mib": _peak_memory(),
        "curve": read_resumed_metric(checkpoint.parent.glob("*/metrics.csv"), "val_acc1"),
    }
    # Write this before the evaluation, so that a failed evaluation can be repeated by itself.
    write_json(folder / STEPS["train"], content)


def _evaluate(cfg: DictConfig, folder: Path) -> None:
    if cfg.name == UNTRAINED:
        cfg = prepare(cfg)
        seed_everything(cfg.seed)
        training: dict[str, Any] = {"epochs": 0}
        method = build_method(cfg).eval()
    else:
        training = read_json(folder / STEPS["train"])
        method = CheckpointFolder.open(training.pop("checkpoint")).load_method()
    figures = evaluate(method, cfg, tuple(cfg.evaluated_at))
    write_json(folder / STEPS["evaluate"], {**training, **figures, "environment": environment()})


def evaluate(method: torch.nn.Module, cfg: DictConfig, size: tuple[int, int]) -> dict[str, float]:
    """Evaluate a method by kNN (k = 20) and by a linear probe on features extracted once.

    Args:
        method: pretrained or untrained method.
        cfg: configuration with the data.
        size: height and width of the images in pixels.

    Returns:
        ``knn_top1`` and ``linear_top1`` in percent, and ``linear_lr``, the probe's learning rate,
        which is chosen on a tenth of the training images.
    """
    data = evaluation_cfg(cfg)
    train, val = train_and_val_features(method, data, size)
    linear = tuned_linear_probe(data.data, train, val)
    return {
        "knn_top1": knn(train, val)["top1"],
        "linear_top1": linear["top1"],
        "linear_lr": linear["lr"],
    }


def _peak_memory() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    try:
        run(sys.argv[1], Path(sys.argv[2]))
    except UserError as error:
        print(f"UserError: {error}", file=sys.stderr)
        sys.exit(2)
