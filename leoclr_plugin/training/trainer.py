"""Build the Lightning trainer for a solo-learn configuration, on GPUs or on a CPU."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    ProgressBar,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.checkpoints.writing import AtomicCheckpointIO
from leoclr_plugin.config.defaults import default_of, fill_in
from leoclr_plugin.config.devices import ALL, read_devices
from leoclr_plugin.config.nodes import Dali
from leoclr_plugin.config.notes import trainer_keys
from leoclr_plugin.data.sampler import ShardSampler, processes
from leoclr_plugin.errors import UserError, refused_values
from leoclr_plugin.host import host
from leoclr_plugin.terminal import tell
from leoclr_plugin.training import lost_processes
from leoclr_plugin.training.interruption import SaveBeforeLeaving
from leoclr_plugin.training.last_epoch import SaveLastEpoch
from leoclr_plugin.training.metrics_file import MetricsFile
from leoclr_plugin.training.nonfinite import nonfinite_guard
from leoclr_plugin.training.own_callbacks import callbacks_of, loggers_of
from leoclr_plugin.training.resume import EarlierRun
from leoclr_plugin.training.weight_decay import WeightDecaySchedule

_GPU_NAMES = ("gpu", "cuda")


def settle_hardware(cfg: DictConfig) -> None:
    """Adapt a configuration to the hardware of this machine.

    - ``accelerator: auto`` becomes ``gpu`` or ``cpu``.
    - ``devices`` becomes a list, because the host scales the learning rate with its length.
      ``devices: auto`` means all GPUs, or one process on a CPU. On a CPU each device is a process,
      and there are several only with ``accelerator: cpu``.
    - ``strategy`` becomes ``ddp`` on a CPU with several processes, and ``auto`` with one.
    - ``precision``: a CPU has no 16-bit floats, so 16 becomes 32 with a message. bfloat16 stays;
      there is a message if the CPU only emulates it.
    - ``sync_batchnorm`` becomes False on a CPU, because torch supports it on GPUs only.
    - The node ``dali`` is filled in if ``data.format`` is ``dali``.

    Args:
        cfg: a configuration with checked values; changed in place.

    Raises:
        UserError: if the configuration needs a GPU and there is none.
    """
    gpus = torch.cuda.device_count()
    requested = cfg.get("accelerator") or "auto"
    accelerator = ("gpu" if gpus else "cpu") if requested == "auto" else requested
    if accelerator in _GPU_NAMES and not gpus:
        raise UserError(f"accelerator={accelerator}, but there is no GPU; use accelerator=cpu")
    cfg.accelerator = accelerator
    devices = read_devices(cfg.get("devices", default_of("devices")))
    if devices == ALL:
        devices = gpus if accelerator in _GPU_NAMES else 1
    cfg.devices = list(range(devices)) if isinstance(devices, int) else devices
    if accelerator == "cpu":
        if requested == "auto":
            cfg.devices = [0]
        distributed = processes(cfg) > 1
        cfg.strategy = "ddp" if distributed else "auto"
        if distributed and cfg.get("sync_batchnorm"):
            tell(
                "sync_batchnorm=True needs GPUs; each process normalises its own batch",
            )
        cfg.sync_batchnorm = False
        precision = str(cfg.get("precision", ""))
        if precision.startswith("16"):
            tell(f"precision={cfg.precision} needs a GPU; using 32")
            cfg.precision = 32
        elif precision.startswith("bf16") and _emulates_bfloat16():
            tell(
                f"precision={cfg.precision}: this CPU has no bfloat16 and emulates it, which is "
                "many times slower than precision=32",
            )
    if OmegaConf.select(cfg, "data.format") == "dali":
        settle_dali(cfg)


def _emulates_bfloat16() -> bool:
    # bfloat16 was measured to be slow on a CPU with this capability (benchmarks/RESULTS.md).
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def settle_dali(cfg: DictConfig) -> None:
    """Fill in the node ``dali`` of a configuration with ``data.format: dali``.

    ``dali.device`` follows the accelerator unless it is set. The other keys get their defaults.

    Args:
        cfg: a configuration with checked values; changed in place.

    Raises:
        UserError: if the configuration needs a GPU and there is none.
    """
    fill_in(cfg, "dali", Dali)
    cfg.dali.device = cfg.dali.get("device") or ("gpu" if cfg.accelerator in _GPU_NAMES else "cpu")
    if cfg.dali.device == "gpu" and not torch.cuda.device_count():
        raise UserError("dali.device=gpu, but there is no GPU; use dali.device=cpu")


def build_trainer(
    cfg: DictConfig,
    folder: str,
    more_callbacks: Sequence[Callback] = (),
    sampler: ShardSampler | None = None,
    earlier: EarlierRun | None = None,
) -> pl.Trainer:
    """Build the trainer, with the host's Checkpointer if ``checkpoint.enabled``.

    Metrics are written to ``<checkpoint.dir>/<folder>/<version>/metrics.csv``, in the folder of
    the run's checkpoint, and with ``wandb.enabled`` to wandb as well. With ``fast_dev_run``
    neither checkpoints nor metrics are written.

    Args:
        cfg: a parsed configuration after ``settle_hardware``. Its keys that are arguments of
            ``lightning.pytorch.Trainer`` are passed on. A message reports the arguments that are
            set here instead, such as ``logger``.
        folder: the method's name, ``linear``, ``finetune`` or ``detect``.
        more_callbacks: callbacks in addition to those of the configuration.
        sampler: the sampler of the training's loader; with it an interrupted epoch can be
            continued.
        earlier: the run that is resumed; its run on wandb is resumed as well.

    Raises:
        UserError: if Lightning refuses the configuration.
    """
    if cfg.get("fast_dev_run"):
        # Lightning switches off its own checkpoints here, but not the host's.
        cfg.checkpoint.enabled = cfg.wandb.enabled = False
    wandb = _wandb_logger(cfg, earlier.wandb_run_id if earlier else None)
    version = str(wandb.version) if wandb else f"offline-{secrets.token_hex(4)}"
    csv = MetricsFile(cfg.checkpoint.dir, name=folder, version=version)
    _keep_metrics(Path(csv.log_dir))
    loggers: list[Logger] = [*([wandb] if wandb else []), csv, *loggers_of(cfg)]

    checkpoints = AtomicCheckpointIO(earlier.checkpoint if earlier else None)
    callbacks: list[Callback] = [LearningRateMonitor(logging_interval="step"), *more_callbacks]
    callbacks.append(nonfinite_guard(cfg, checkpoints))
    if cfg.checkpoint.enabled:
        logdir = Path(cfg.checkpoint.dir) / folder
        checkpointer = host().Checkpointer(
            cfg, logdir, cfg.checkpoint.frequency, cfg.checkpoint.keep_prev
        )
        callbacks += [checkpointer, SaveLastEpoch(checkpointer)]
        if sampler is not None:
            callbacks.append(SaveBeforeLeaving(checkpointer, sampler))
    callbacks += callbacks_of(cfg)
    if cfg.optimizer.get("final_weight_decay") is not None:
        schedule = WeightDecaySchedule(cfg.optimizer.weight_decay, cfg.optimizer.final_weight_decay)
        callbacks.append(schedule)

    has_bar = any(isinstance(one, ProgressBar) for one in callbacks)
    if cfg.get("enable_progress_bar", True) and not has_bar and not sys.stderr.isatty():
        # Lightning takes the bar of rich where rich is installed. It writes nothing to a file
        # before the training ends, so that a log would not show how far a training is.
        callbacks.append(TQDMProgressBar())

    fixed = {
        "logger": loggers,
        "callbacks": callbacks,
        # Lightning adds a ModelCheckpoint of its own if this is True and there is none.
        "enable_checkpointing": any(isinstance(one, ModelCheckpoint) for one in callbacks),
        "plugins": [checkpoints],
        # Our samplers already split the data between the processes.
        "use_distributed_sampler": False,
    }
    configurable = trainer_keys() - fixed.keys()
    for key in (fixed.keys() - {"callbacks"}) & cfg.keys():
        tell(f"{key}={cfg[key]} is ignored: leoclr sets this argument itself")
    kwargs: dict[str, Any] = {
        **{key: value for key, value in OmegaConf.to_container(cfg).items() if key in configurable},
        **fixed,
        # Lightning's CPU accelerator accepts a number of processes only.
        "devices": len(cfg.devices) if cfg.accelerator == "cpu" else list(cfg.devices),
        "strategy": _strategy(cfg.strategy),
    }
    kwargs.setdefault("enable_model_summary", False)
    with refused_values("Lightning's Trainer refuses the configuration", MisconfigurationException):
        return pl.Trainer(**kwargs)


@rank_zero_only
def _keep_metrics(run: Path) -> None:
    # A resumed wandb run has the same folder as before, and the logger would overwrite its metrics.
    metrics = run / "metrics.csv"
    if metrics.exists():
        metrics.rename(run / f"metrics-{len(list(run.glob('metrics*.csv')))}.csv")


def _strategy(name: str | None) -> Any:
    if name == "ddp":
        return DDPStrategy(find_unused_parameters=False, timeout=lost_processes.WAIT)
    return name or "auto"


def _wandb_logger(cfg: DictConfig, run_id: str | None) -> WandbLogger | None:
    if not cfg.wandb.enabled:
        return None
    try:
        logger = WandbLogger(
            name=cfg.name,
            project=cfg.wandb.project,
            entity=cfg.wandb.entity,
            offline=cfg.wandb.offline,
            id=run_id,
            resume="allow" if run_id else None,
        )
    except ImportError as error:
        raise UserError("wandb.enabled=True, but wandb is missing; pip install wandb") from error
    logger.log_hyperparams(OmegaConf.to_container(cfg))
    return logger
