"""Run a trainer, in the same way for pretraining and for the linear probe."""

from __future__ import annotations

import inspect
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger

from leoclr_plugin.data.loaders import Loader
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.training.lost_processes import naming_lost_processes
from leoclr_plugin.training.resume import EarlierRun

_UNKNOWN_METRIC = "Early stopping conditioned on metric"
# Files of settings, which the host and the logger of Lightning 2.1 write before training starts.
_SETTINGS_FILES = {"args.json", "hparams.yaml"}


def fit(
    trainer: Trainer,
    model: LightningModule,
    train: Loader,
    val: Loader | None,
    earlier: EarlierRun | None = None,
) -> None:
    """Train ``model``.

    Lightning's progress bars go to stderr, as all other progress bars do, so that stdout has only
    the results of a command.

    Args:
        trainer: trainer made by ``build_trainer``.
        model: one of the host's methods, or its linear model.
        train: loader of the training images.
        val: loader of the validation images, or None to train without validation.
        earlier: the run to resume, or None to start from the beginning.

    Raises:
        UserError: when an image cannot be read, when Lightning refuses the configuration, or when
            another process of the training is lost.
        KeyboardInterrupt: after Ctrl-C.
    """
    _check_interval(trainer, train)
    with _running(trainer):
        checkpoint = earlier.checkpoint if earlier else None
        try:
            trainer.fit(model, train, val, ckpt_path=checkpoint, **_safe_loading(trainer))
        except MisconfigurationException as error:
            raise UserError(f"Lightning refuses the configuration: {one_line(error)}") from error
        except RuntimeError as error:
            # EarlyStopping says so after the first epoch, when it is known what is logged.
            if not str(error).startswith(_UNKNOWN_METRIC):
                raise
            raise UserError(f"callbacks: {one_line(error)}") from error
        finally:
            _remove_folder_without_results(trainer)


@contextmanager
def _running(trainer: Trainer) -> Iterator[None]:
    with redirect_stdout(sys.stderr), naming_lost_processes():
        try:
            yield
        except SystemExit as error:
            if not (trainer.interrupted and error.code == 1):
                raise
        # After Ctrl-C Lightning exits with code 1. Its first versions return instead, as if the
        # training were complete, and the caller would then report results of an incomplete one.
        if trainer.interrupted:
            raise KeyboardInterrupt


def _check_interval(trainer: Trainer, train: Loader) -> None:
    # Check this before Lightning does: it raises a ValueError, which could also be a bug.
    interval, limit = trainer.val_check_interval, trainer.limit_train_batches
    batches = int(limit * len(train)) if isinstance(limit, float) else min(limit, len(train))
    per_epoch = isinstance(interval, int) and trainer.check_val_every_n_epoch is not None
    if per_epoch and interval > batches:
        raise UserError(
            f"val_check_interval={interval} is more than the {batches} batches of an epoch; lower "
            "it, or set check_val_every_n_epoch=null to count over epochs"
        )


def _remove_folder_without_results(trainer: Trainer) -> None:
    # A training that fails at its start leaves a folder without a checkpoint. Remove the folder,
    # because it would later be taken for the newest run.
    for logger in trainer.loggers:
        if isinstance(logger, CSVLogger):
            folder = Path(logger.log_dir)
            with suppress(OSError):
                if {path.name for path in folder.iterdir()} <= _SETTINGS_FILES:
                    shutil.rmtree(folder)


def validate(trainer: Trainer, model: LightningModule, val: Loader) -> None:
    """Evaluate ``model`` on the validation images, with the progress bar on stderr."""
    for logger in trainer.loggers:
        if isinstance(logger, CSVLogger):
            # A training that was too short to log anything has lost its folder.
            Path(logger.log_dir).mkdir(parents=True, exist_ok=True)
    with _running(trainer):
        trainer.validate(model, val, verbose=False)


def _safe_loading(trainer: Trainer) -> dict[str, bool]:
    # Only Lightning 2.6 and later have this argument. With earlier versions ``read_checkpoint``
    # has already refused checkpoints that contain code.
    parameters = inspect.signature(trainer.fit).parameters
    return {"weights_only": True} if "weights_only" in parameters else {}
