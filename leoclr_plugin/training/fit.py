"""Running a trainer, in one way for pretraining and for the linear probe."""

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
from leoclr_plugin.training.resume import EarlierRun

# Of the host and of Lightning's logger, which in 2.1 writes one whatever comes of the training.
_SETTINGS = {"args.json", "hparams.yaml"}


def fit(
    trainer: Trainer,
    model: LightningModule,
    train: Loader,
    val: Loader | None,
    earlier: EarlierRun | None = None,
) -> None:
    """Train ``model``, with Lightning's progress bars on stderr, where all other bars are.

    So stdout has a command's results alone.

    Args:
        trainer: of ``build_trainer``.
        model: one of the host's methods, or its linear model.
        train: the training's batches.
        val: those of the validation, None for none.
        earlier: the run that the training goes on from.

    Raises:
        UserError: for an unreadable image, naming it, and for what Lightning refuses.
        KeyboardInterrupt: after Ctrl-C.
    """
    _check_interval(trainer, train)
    with _running(trainer):
        checkpoint = earlier.checkpoint if earlier else None
        try:
            trainer.fit(model, train, val, ckpt_path=checkpoint, **_safe_loading(trainer))
        except MisconfigurationException as error:
            raise UserError(f"Lightning refuses the configuration: {one_line(error)}") from error
        finally:
            _remove_folder_without_results(trainer)


@contextmanager
def _running(trainer: Trainer) -> Iterator[None]:
    with redirect_stdout(sys.stderr):
        try:
            yield
        except SystemExit as left:
            if not (trainer.interrupted and left.code == 1):
                raise
        # After Ctrl-C Lightning leaves with 1 or, in its first versions, returns as after a whole
        # training, whose results a half one's would be taken for.
        if trainer.interrupted:
            raise KeyboardInterrupt


def _check_interval(trainer: Trainer, train: Loader) -> None:
    # Lightning's own error is a ValueError, as many are that are no user's.
    interval, limit = trainer.val_check_interval, trainer.limit_train_batches
    batches = int(limit * len(train)) if isinstance(limit, float) else min(limit, len(train))
    per_epoch = isinstance(interval, int) and trainer.check_val_every_n_epoch is not None
    if per_epoch and interval > batches:
        raise UserError(
            f"val_check_interval={interval} is more than the {batches} batches of an epoch; lower "
            "it, or set check_val_every_n_epoch=null to count over epochs"
        )


def _remove_folder_without_results(trainer: Trainer) -> None:
    # That of a training that was refused at its start, or ended before its first checkpoint: it
    # would be taken for the newest run.
    for logger in trainer.loggers:
        if isinstance(logger, CSVLogger):
            folder = Path(logger.log_dir)
            with suppress(OSError):
                if {path.name for path in folder.iterdir()} <= _SETTINGS:
                    shutil.rmtree(folder)


def validate(trainer: Trainer, model: LightningModule, val: Loader) -> None:
    """Measure ``model`` on the validation set, with the progress bar on stderr."""
    with _running(trainer):
        trainer.validate(model, val, verbose=False)


def _safe_loading(trainer: Trainer) -> dict[str, bool]:
    # Lightning takes this argument since 2.6; before, the checkpoint was still read by
    # ``read_checkpoint``, which refuses code in it.
    known = inspect.signature(trainer.fit).parameters
    return {"weights_only": True} if "weights_only" in known else {}
