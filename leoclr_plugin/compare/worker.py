"""Run one step of a comparison for one method and seed in a process of its own.

usage: python -m leoclr_plugin.compare.worker STEP FOLDER [EPOCHS]

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
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import save_file

from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint
from leoclr_plugin.compare.evaluations import BOTH, DEFAULT, further_figures
from leoclr_plugin.compare.legs import StopAfterEpochs
from leoclr_plugin.compare.work import WorkPerStep
from leoclr_plugin.data.datasets import class_names
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.data.views import normalization_of, set_normalization, take_normalization
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import evaluation_cfg, labels_in
from leoclr_plugin.evaluation.features import Features, train_and_val_features
from leoclr_plugin.evaluation.knn import knn, knn_scores
from leoclr_plugin.evaluation.probe import tuned_linear_probe
from leoclr_plugin.metrics.average_precision import map_of
from leoclr_plugin.report.curves import read_resumed_metric
from leoclr_plugin.report.environment import environment
from leoclr_plugin.system.files import read_json, whole_file, write_json
from leoclr_plugin.terminal import tell
from leoclr_plugin.training.multilabel import ValidationMAP
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain

UNTRAINED = "untrained"
# Each step with the file that it writes when it is done.
STEPS = {"trial": "trial.json", "train": "training.json", "evaluate": "result.json"}
# The validation's accuracy by epoch, whichever of them is logged.
_CURVES = ("val_mAP", "val_acc1")
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


def written_by(step: str, leg: int | None) -> str:
    """Name of the file that says that a step is done; ``leg`` is None for the last epoch's."""
    name = STEPS[step]
    return name if leg is None else name.replace(".json", f"-{leg}.json")


def run(step: str, folder: Path, leg: int | None = None) -> None:
    """Run one of ``STEPS`` and write its file to the folder.

    ``trial`` measures how many epochs fit into a budget of minutes. ``train`` pretrains, and
    continues an interrupted pretraining. ``evaluate`` measures kNN and the linear probe.

    Args:
        step: a key of ``STEPS``.
        folder: folder of the row and seed.
        leg: epochs after which the training stops to be evaluated; None for its last one.
    """
    cfg = OmegaConf.load(folder / "config.yaml")
    if step == "trial":
        _trial(cfg, folder)
    else:
        {"train": _train, "evaluate": _evaluate}[step](cfg, folder, leg)


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


def _train(cfg: DictConfig, folder: Path, leg: int | None) -> None:
    batch_size = processes(cfg) * cfg.optimizer.batch_size
    times, counted = StepTimes(), WorkPerStep()
    stop = [StopAfterEpochs(leg)] if leg else []
    checkpoint = pretrain(cfg, [times, counted, *stop])
    if rank_zero_only.rank:
        return
    # Take the durations from the checkpoint: if an earlier call completed the training, only the
    # checkpoint has them.
    state = read_checkpoint(CheckpointFolder.open(checkpoint).checkpoint)["callbacks"]
    step = median(state[times.state_key]["seconds"])
    metrics = list(checkpoint.parent.glob("*/metrics.csv"))
    curves = (read_resumed_metric(metrics, name) for name in _CURVES)
    content = {
        "checkpoint": str(checkpoint),
        "epochs": leg or cfg.max_epochs,
        "steps_per_epoch": cfg.images // batch_size,
        "work_per_step": state[counted.state_key]["units"],
        "seconds_per_epoch": step * (cfg.images // batch_size),
        "images_per_second": batch_size / step,
        "peak_memory_mib": _peak_memory(),
        "curve": next((curve for curve in curves if curve), []),
    }
    # Write this before the evaluation, so that a failed evaluation can be repeated by itself.
    write_json(folder / written_by("train", leg), content)


def _evaluate(cfg: DictConfig, folder: Path, leg: int | None) -> None:
    take_normalization(cfg)
    if cfg.name == UNTRAINED:
        cfg = prepare(cfg)
        seed_everything(cfg.seed)
        trained: dict[str, Any] = {"epochs": 0}
        method, source = build_method(cfg).eval(), cfg.name
    else:
        trained = read_json(folder / written_by("train", leg))
        run = CheckpointFolder.open(trained.pop("checkpoint"))
        method, source = run.load_method(), run.checkpoint
    kept = f"-{trained['epochs']}" if cfg.name != UNTRAINED else ""
    state = {name: tensor.contiguous() for name, tensor in method.backbone.state_dict().items()}
    with whole_file(folder / f"backbone{kept}.safetensors") as part:
        save_file(state, part)
    size, scores = tuple(cfg.evaluated_at), folder / f"scores{kept}.npz"
    names = cfg.get("evaluations") or DEFAULT
    measured = evaluate(method, cfg, size, source, scores, names)
    further = further_figures(method, cfg, size, names, folder / f"evaluations{kept}", source)
    if further:
        measured["further"] = further
    content = {**trained, **measured, "environment": environment()}
    write_json(folder / written_by("evaluate", leg), content)


def transfer_cfg(cfg: DictConfig, name: str) -> DictConfig:
    """Return the configuration of a transfer to ``train`` and ``val`` in ``cfg.transfer[name]``.

    Images are normalised as in the network's own training. It knows no other way.
    """
    folder = Path(cfg.transfer[name])
    labels = labels_in(folder, "--transfer")
    data = evaluation_cfg(
        cfg,
        "custom",
        str(folder / "train"),
        str(folder / "val"),
        train_labels=labels.get("labels"),
        val_labels=labels.get("val_labels"),
    )
    set_normalization(data, normalization_of(cfg))
    return data


def evaluate(
    method: torch.nn.Module,
    cfg: DictConfig,
    size: tuple[int, int],
    source: object = "the network",
    scores: Path | None = None,
    names: Sequence[str] = DEFAULT,
) -> dict[str, Any]:
    """Measure a network by kNN (k = 20) and a linear probe on features that are extracted once.

    Args:
        method: one of the host's methods.
        cfg: the configuration it was trained with. ``cfg.transfer``, where there is one, names
            the folders of other data sets that are measured likewise; kNN has k = 5 there if a
            class has fewer than 20 training images.
        size: height and width in pixels of the images.
        source: the method's checkpoint, which an error names.
        scores: where the scores of the validation images are written, if they have several labels.
        names: ``knn``, ``linear``, or ``mAP`` for both; see ``evaluations.parse_evaluations``.

    Returns:
        ``knn_top1`` and ``linear_top1`` in percent, or ``knn_map`` and ``linear_map``, and
        ``by_count``, the same of the images that show one class, two, and three or more;
        ``linear_lr`` is the probe's rate, chosen on a tenth of the training images. ``transfer``
        has the same by data set.
    """
    wanted = BOTH if "mAP" in names else [name for name in BOTH if name in names]
    if not wanted:
        return {}
    data = evaluation_cfg(cfg)
    train, val = train_and_val_features(method, data, size, source)
    result = _measure(data, train, val, 20, wanted, scores)
    transfers = {}
    for name in cfg.get("transfer") or {}:
        data = transfer_cfg(cfg, name)
        train, val = train_and_val_features(method, data, size, source)
        few = train[1].dim() == 1 and train[1].bincount().min() < 20
        k = 5 if few else 20
        transfers[name] = _measure(data, train, val, k, wanted)
    return {**result, "transfer": transfers} if transfers else result


def _measure(
    data: DictConfig,
    train: Features,
    val: Features,
    k: int,
    wanted: Sequence[str],
    scores: Path | None = None,
) -> dict[str, Any]:
    ranking = ValidationMAP(class_names(data.data) or ())
    linear = tuned_linear_probe(data.data, train, val, ranking) if "linear" in wanted else {}
    rate = {"linear_lr": linear["lr"]} if linear else {}
    if train[1].dim() == 1:
        top1 = {"knn_top1": knn(train, val, k)["top1"]} if "knn" in wanted else {}
        return {**top1, **({"linear_top1": linear["top1"]} if linear else {}), **rate}
    targets = val[1]
    by_measure = {"knn": knn_scores(train, val[0], k)} if "knn" in wanted else {}
    if linear:
        by_measure["linear"] = ranking.scores
    if scores is not None:
        arrays = {name: values.numpy() for name, values in by_measure.items()}
        with whole_file(scores) as part, part.open("wb") as file:
            np.savez_compressed(file, targets=targets.numpy(), **arrays)
    figures = {f"{name}_map": map_of(values, targets) for name, values in by_measure.items()}
    counts = (targets == 1).sum(dim=1)
    by_count = {}
    for count, chosen in (("1", counts == 1), ("2", counts == 2), ("3 or more", counts >= 3)):
        if chosen.any():
            by_count[count] = {
                "images": int(chosen.sum()),
                **{f"{n}_map": map_of(v[chosen], targets[chosen]) for n, v in by_measure.items()},
            }
    return {**figures, **rate, "by_count": by_count}


def _peak_memory() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    try:
        run(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
    except UserError as error:
        tell(f"UserError: {error}")
        sys.exit(2)
