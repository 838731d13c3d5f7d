"""Evaluate a pretraining on labelled sets of the user's own, which it does not train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.config.check import check_node
from leoclr_plugin.config.datasets import SOURCE_KEYS
from leoclr_plugin.config.defaults import defaults
from leoclr_plugin.config.online import OnlineSet
from leoclr_plugin.data.datasets import class_names
from leoclr_plugin.data.levels import reading_of
from leoclr_plugin.data.loaders import Loader, plain_train_loader, val_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.metrics.accuracy import top1
from leoclr_plugin.metrics.average_precision import map_of
from leoclr_plugin.metrics.logistic import Regressions
from leoclr_plugin.metrics.neighbours import knn_accuracy, label_scores
from leoclr_plugin.training.encoding import evaluation_mode, of_all_processes
from leoclr_plugin.training.last_epoch import is_last_epoch

_TEMPERATURE = 0.07
# The strength of the regression's penalty. ``leoclr transfer`` chooses one for each data set.
_STRENGTH = 1e-3


@dataclass(frozen=True)
class _Online:
    name: str
    train: Loader
    val: Loader
    every: int
    k: int


class OnlineSets(Callback):
    """Logs ``NAME_knn`` and ``NAME_linear`` of each set: top-1 accuracy, or mAP, in percent.

    The backbone's features of its images are extracted without augmentation. They are classified by
    kNN (cosine, temperature 0.07), and by logistic regression. Sets are evaluated after the first
    epoch, after every n-th one from there and after the last. The training is the same with and
    without them.

    Args:
        sets: the sets.
    """

    def __init__(self, sets: list[_Online]) -> None:
        self._sets = sets

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluate the sets that are due, and log their figures."""
        due = [
            one
            for one in self._sets
            if not trainer.current_epoch % one.every or is_last_epoch(trainer)
        ]
        if not due:
            return
        with evaluation_mode(pl_module):
            encoded = [
                (one, _encode(pl_module, one.train), _encode(pl_module, one.val)) for one in due
            ]
        for one, bank, test in encoded:
            if not (bank[0].isfinite().all() and test[0].isfinite().all()):
                # Such features have no figure. The guards of ``training.nonfinite`` report them.
                continue
            for kind, value in _figures(bank, test, one.k).items():
                pl_module.log(f"{one.name}_{kind}", value)


@torch.no_grad()
def _encode(model: LightningModule, loader: Loader) -> tuple[torch.Tensor, torch.Tensor]:
    weight = next(model.parameters())
    features, targets = [], []
    for images, labels in loader:
        features.append(model(images.to(weight.device, weight.dtype))["feats"].float())
        targets.append(labels.to(weight.device))
    return tuple(of_all_processes(torch.cat(part)).cpu() for part in (features, targets))


def _figures(bank: Any, test: Any, k: int) -> dict[str, float]:
    (features, labels), (test_features, targets) = bank, test
    regressions = Regressions(features.numpy(), labels.numpy())
    (_,) = regressions.train([_STRENGTH])
    outputs = regressions.outputs(test_features.numpy())
    arguments = (k, _TEMPERATURE, "cosine")
    if labels.dim() == 1:
        neighbours, _ = knn_accuracy(test_features, targets, features, labels, *arguments)
        return {"knn": neighbours, "linear": top1(outputs, targets.numpy())}
    scores = label_scores(test_features, features, labels, *arguments)
    return {
        "knn": map_of(scores, targets),
        "linear": map_of(torch.from_numpy(outputs), targets),
    }


def online_callback(cfg: DictConfig) -> list[Callback]:
    """Return the callback that ``cfg.data.online`` asks for, if it asks for one.

    Args:
        cfg: a parsed configuration.

    Raises:
        UserError: if a set's keys are wrong, or its images or labels cannot be used.
    """
    sets = cfg.data.get("online")
    if not sets:
        return []
    made = []
    for name, node in OmegaConf.to_container(sets, resolve=True).items():
        place = f"data.online.{name}"
        if not isinstance(node, Mapping):
            raise UserError(f"{place}={node} must be a node with train_path and val_path")
        check_node(OnlineSet, node, place)
        node = {**defaults(OnlineSet), **node}
        own = _own_cfg(cfg, node)
        classes = class_names(own.data)
        train, val = plain_train_loader(own, input_size(cfg)), val_loader(own, input_size(cfg))
        if not classes and len(set(_targets(train))) < 2:
            raise UserError(f"{place}.train_path={node['train_path']} shows one class only")
        made.append(_Online(name, train, val, node["every_n_epochs"], node["k"]))
    return [OnlineSets(made)]


def _targets(loader: Loader) -> list[int]:
    return loader.dataset.targets.tolist()


def _own_cfg(cfg: DictConfig, node: Mapping[str, Any]) -> DictConfig:
    """Return the configuration of a set's loaders; all else is the training's."""
    keys = ("train_path", "val_path", "labels", "val_labels", *SOURCE_KEYS)
    data = {key: node[key] for key in keys if node.get(key)}
    data |= reading_of(cfg.data)
    data |= {"dataset": "custom", "format": "image_folder", "num_workers": cfg.data.num_workers}
    return OmegaConf.create(
        {
            "data": data,
            "optimizer": {"batch_size": cfg.optimizer.batch_size},
            "precision": cfg.get("precision"),
        }
    )
