"""Callbacks and loggers that a configuration names by ``_target_``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.instances import make_instance
from leoclr_plugin.errors import UserError, one_line

_BEST = "best"


def callbacks_of(cfg: DictConfig) -> list[Callback]:
    """Make the callbacks of ``cfg.callbacks``.

    A ``ModelCheckpoint`` without a ``dirpath`` writes into the folder ``best`` of the run, where
    the evaluators find it.

    Raises:
        UserError: if one cannot be made, or is no callback of Lightning.
    """
    made = _instances(cfg, "callbacks", Callback, "a callback of Lightning")
    checkpoints = [one for one in made if isinstance(one, ModelCheckpoint) and not one.dirpath]
    return [*(_BestInRun(one, cfg) for one in checkpoints), *made]


def loggers_of(cfg: DictConfig) -> list[Logger]:
    """Make the loggers of ``cfg.loggers``.

    Raises:
        UserError: if one cannot be made, or is no logger of Lightning.
    """
    return _instances(cfg, "loggers", Logger, "a logger of Lightning")


def _instances(cfg: DictConfig, key: str, kind: type, wanted: str) -> list[Any]:
    nodes = cfg.get(key)
    if not nodes:
        return []
    nodes = OmegaConf.to_container(nodes, resolve=True)
    # A mapping gives each node a name, so that a change on the command line can name it.
    by_place = (
        {f"{key}.{name}": node for name, node in nodes.items()}
        if isinstance(nodes, Mapping)
        else {f"{key}[{number}]": node for number, node in enumerate(nodes)}
    )
    made = []
    for place, node in by_place.items():
        try:
            made.append(make_instance(node, place, lambda made, _: issubclass(made, kind), wanted))
        # Lightning raises this for a logger whose package is missing.
        except ModuleNotFoundError as error:
            raise UserError(f"{place}: {one_line(error)}") from error
    return made


class _BestInRun(Callback):
    """Lets a ``ModelCheckpoint`` write beside the run's own checkpoints, with its ``args.json``."""

    def __init__(self, checkpoint: ModelCheckpoint, cfg: DictConfig) -> None:
        if not cfg.checkpoint.enabled:
            raise UserError(
                "callbacks: a ModelCheckpoint without dirpath writes beside the checkpoints of the "
                "run; set checkpoint.enabled=True, or give it a dirpath"
            )
        self._checkpoint, self._folder = checkpoint, None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder; this precedes the checkpoint's own ``setup``."""
        run = Path(trainer.loggers[0].save_dir) / trainer.loggers[0].name
        self._folder = run / str(trainer.loggers[0].version) / _BEST
        self._checkpoint.dirpath = str(self._folder)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy ``args.json``, which the host's Checkpointer has just written."""
        if trainer.is_global_zero:
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._folder.parent / "args.json", self._folder / "args.json")
