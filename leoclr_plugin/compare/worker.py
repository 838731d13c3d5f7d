"""One method and seed, in processes of their own: what they break or take up is their own.

usage: python -m leoclr_plugin.compare.worker STEP FOLDER, with ``config.yaml`` and ``budget.json``
in it. Of the processes that one training has the first writes its figures; the evaluation, and a
second training, would wait for the others.
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
# What is to be done, and the file that says that it is.
STEPS = {"trial": "trial.json", "train": "training.json", "evaluate": "result.json"}
_TRIAL_STEPS = 12
_WARMUP_STEPS = 2


class StepTimes(Callback):
    """Seconds of each training step, the loader's and the logger's part included.

    Attributes:
        seconds: of the steps but an epoch's first ones, which wait for the loader to start; those
            before an interruption too.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0
        self._since_start = 0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        self._since_start = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Called by Lightning."""
        now = time.perf_counter()
        if self._since_start >= _WARMUP_STEPS:
            self.seconds.append(now - self._last)
        self._since_start += 1
        self._last = now

    def state_dict(self) -> dict[str, Any]:
        """What is measured so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the checkpoint was written."""
        self.seconds = list(state_dict["seconds"])


def run(step: str, folder: Path) -> None:
    """Do one of ``STEPS``: ``trial`` turns minutes into epochs, ``train`` goes on where it was."""
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
        # The schedules need to know the last epoch from the first one on, and a run that goes on
        # must find the same.
        cfg.max_epochs = read_json(trial)["epochs"]
    batch_size = processes(cfg) * cfg.optimizer.batch_size
    times = StepTimes()
    checkpoint = pretrain(cfg, [times])
    if rank_zero_only.rank:
        return
    # A training that was found complete has its times in the checkpoint alone.
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
    # Kept for the case that the evaluation is what fails, or is interrupted.
    write_json(folder / STEPS["train"], content)


def _evaluate(cfg: DictConfig, folder: Path) -> None:
    if cfg.name == UNTRAINED:
        cfg = prepare(cfg)
        seed_everything(cfg.seed)
        trained: dict[str, Any] = {"epochs": 0}
        method, source = build_method(cfg).eval(), cfg.name
    else:
        trained = read_json(folder / STEPS["train"])
        run = CheckpointFolder.open(trained.pop("checkpoint"))
        method, source = run.load_method(), run.checkpoint
    measured = evaluate(method, cfg, tuple(cfg.evaluated_at), source)
    write_json(folder / STEPS["evaluate"], {**trained, **measured, "environment": environment()})


def evaluate(
    method: torch.nn.Module,
    cfg: DictConfig,
    size: tuple[int, int],
    source: object = "the network",
) -> dict[str, float]:
    """Top-1 in percent of kNN (k = 20) and of a linear probe on features that were extracted once.

    ``size`` is the images' height and width in pixels; ``linear_lr`` is the probe's rate, chosen
    on a tenth of the training images. ``source`` is the method's checkpoint, which an error names.
    """
    data = evaluation_cfg(cfg)
    train, val = train_and_val_features(method, data, size, source)
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
