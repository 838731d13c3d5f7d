"""The evaluations of a comparison that go beyond kNN and the linear probe."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config import load_config
from leoclr_plugin.config.keys import FINETUNE
from leoclr_plugin.config.overrides import as_value
from leoclr_plugin.data.datasets import class_names
from leoclr_plugin.data.label_lists import take_labels
from leoclr_plugin.data.levels import levels_of, reading_of
from leoclr_plugin.data.loaders import linear_train_loader, val_loader
from leoclr_plugin.data.views import normalization_of
from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.evaluation.classifier import config_of
from leoclr_plugin.evaluation.data import source_of
from leoclr_plugin.evaluation.finetune import finetune, parse_finetune
from leoclr_plugin.evaluation.measures import Sample, measure
from leoclr_plugin.evaluation.protocol import MEASURED_IMAGES, MEASURED_VIEWS
from leoclr_plugin.evaluation.results import headline
from leoclr_plugin.evaluation.transfer import transfer
from leoclr_plugin.evaluation.transfer_sets import open_transfer_set, set_features
from leoclr_plugin.metrics.label_free import COLUMNS
from leoclr_plugin.system.files import read_text

# kNN and the linear probe on features that are extracted once.
BOTH = DEFAULT = ("knn", "linear")
_PLAIN = (*DEFAULT, "mAP", "measures")
_WITH_VALUE = ("transfer", "finetune")
# The data sets of ``transfer:NAME`` lie where ``leoclr transfer`` looks for them by default.
_DATA_SETS = Path("datasets")


def parse_evaluations(text: str) -> tuple[str, ...]:
    """Read ``knn,linear,mAP,transfer:NAME,finetune:1%,measures``; each is taken once.

    Raises:
        UserError: for a name that is none of these.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        kind, colon, value = name.partition(":")
        if not (name in _PLAIN or (kind in _WITH_VALUE and value)):
            known = [*_PLAIN, *(f"{kind}:" for kind in _WITH_VALUE)]
            choices = f"{', '.join(_PLAIN)}, transfer:NAME and finetune:1%"
            advice = suggestion(f"{kind}{colon}", known) or f"; name some of {choices}"
            raise UserError(f"--evaluate {name} is unknown{advice}")
    if not names:
        raise UserError("--evaluate names nothing")
    return names


def check_evaluations(cfg: DictConfig, names: Sequence[str]) -> None:
    """Check before any training that the evaluations are possible on the data.

    Args:
        cfg: a configuration of a pretraining.
        names: see ``parse_evaluations``.

    Raises:
        UserError: if a data set is missing, ``mAP`` is asked for images of one class each, or the
            labels of a fine-tuning are none that the images have.
    """
    if "mAP" in names and not class_names(cfg.data):
        raise UserError(
            "--evaluate mAP needs images with several labels; set data.labels and data.val_labels, "
            "or name knn and linear"
        )
    for name in names:
        kind, _, value = name.partition(":")
        if kind == "transfer":
            open_transfer_set(value, _DATA_SETS, False, cfg.data.num_workers, levels_of(cfg.data))
        elif kind == "finetune":
            with tempfile.TemporaryDirectory() as folder:
                _tuning_config(cfg, value, Path(folder))


def columns_of_further(keys: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return the title of the column of each figure of ``further_figures``, and its digits.

    A folder is shown by its name, or by its path if another folder has the same name.
    """
    keys = list(keys)
    names = [Path(key.partition(":")[2]).name for key in keys if key.startswith("transfer:")]
    columns = {}
    for key in keys:
        kind, _, value = key.partition(":")
        name = Path(value).name
        if kind == "transfer":
            columns[key] = (f"transfer to {value if names.count(name) > 1 else name} %", 2)
        else:
            given = (f"fine-tuned with {value} %", 2)
            columns[key] = given if kind == "finetune" else COLUMNS[key]
    return columns


def further_figures(
    method: torch.nn.Module,
    cfg: DictConfig,
    size: tuple[int, int],
    names: Sequence[str],
    folder: Path,
    source: object = "the network",
) -> dict[str, float | None]:
    """Measure a network by the evaluations other than kNN and the linear probe.

    Args:
        method: one of the host's methods; it is not changed.
        cfg: the configuration of its pretraining.
        size: the height and width in pixels of the images.
        names: see ``parse_evaluations``.
        folder: the folder of the fine-tuning's list of labels and checkpoints.
        source: the checkpoint of the method, for messages.

    Returns:
        A figure for each transfer and fine-tuning by its name, and each label-free measure by the
        names of ``metrics.label_free``; None for one that is not finite.
    """
    figures: dict[str, float | None] = {}
    for name in names:
        kind, _, value = name.partition(":")
        if kind == "transfer":
            figures[name] = _transfer(method, cfg, size, value, source)
        elif kind == "finetune":
            figures[name] = _finetune(method, cfg, size, value, folder)
        elif kind == "measures":
            sample = Sample(cfg.data, MEASURED_IMAGES, MEASURED_VIEWS, seed=0)
            values = measure(method, cfg, sample, source=source).values
            # JSON has no infinity, which alpha-ReQ gives for a network that has collapsed.
            figures |= {key: x if math.isfinite(x) else None for key, x in values.items()}
    return figures


def _transfer(
    method: torch.nn.Module, cfg: DictConfig, size: tuple[int, int], name: str, source: object
) -> float:
    levels = levels_of(cfg.data)
    data = open_transfer_set(name, _DATA_SETS, False, cfg.data.num_workers, levels)
    batch_size, threads = cfg.optimizer.batch_size, cfg.data.num_workers
    parts = set_features(method, data, size, normalization_of(cfg), batch_size, threads, source)
    return transfer(*parts, data.metric, data.validation, data.classes, data.name)["value"]


def _finetune(
    method: torch.nn.Module, cfg: DictConfig, size: tuple[int, int], labels: str, folder: Path
) -> float:
    """Fine-tune a copy of the network by the packaged recipe of its data set."""
    folder.mkdir(parents=True, exist_ok=True)
    tuning = _tuning_config(cfg, labels, folder)
    loaders = linear_train_loader(tuning, size), val_loader(tuning, size)
    return headline(finetune(copy.deepcopy(method.backbone), tuning, *loaders))


def _tuning_config(cfg: DictConfig, labels: str, folder: Path) -> DictConfig:
    """Return the recipe of a fine-tuning, with a list of the labelled images in ``folder``."""
    data = ("dataset", "train_path", "val_path", "train_list", "val_list", "labels", "val_labels")
    data += ("num_workers",)
    values = {
        **{f"data.{key}": cfg.data[key] for key in data if cfg.data.get(key) is not None},
        **{f"data.{key}": value for key, value in source_of(cfg.data).items()},
        **{key: cfg[key] for key in ("accelerator", "precision", "strategy") if key in cfg},
        "pretrain_method": cfg.method,
        "backbone.name": cfg.backbone.name,
        "checkpoint.dir": folder / f"finetune-{labels.replace('%', '-percent')}",
    }
    overrides = [
        f"++{key}={value if isinstance(value, int) else as_value(value)}"
        for key, value in values.items()
    ]
    overrides += [f"++data.{key}={value}" for key, value in reading_of(cfg.data).items()]
    tuning = load_config(config_of(cfg.data.dataset, FINETUNE), FINETUNE, overrides)
    OmegaConf.update(tuning, "devices", cfg.devices)
    take_labels(tuning.data, labels, folder)
    images = len(read_text(Path(tuning.data.train_list)).splitlines())
    tuning.optimizer.batch_size = min(tuning.optimizer.batch_size, images)
    return parse_finetune(tuning)
