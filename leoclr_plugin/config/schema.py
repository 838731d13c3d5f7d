"""All keys of a configuration of a folder of ``scripts``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field

from leoclr_plugin.config.detection import Detection
from leoclr_plugin.config.devices import WANTED, Devices
from leoclr_plugin.config.keys import (
    ALL,
    DETECT,
    FINETUNE,
    LINEAR,
    ON_A_CHECKPOINT,
    PRETRAIN,
    WHOLE_IMAGES,
    Count,
    Endless,
    Natural,
    Node,
    NotNegative,
    about,
    key,
    leaves,
    node_of,
)
from leoclr_plugin.config.leoclr import Momentum
from leoclr_plugin.config.nodes import (
    AutoResume,
    Backbone,
    Checkpoint,
    Dali,
    Data,
    KnnEval,
    Measures,
    Optimizer,
    Performance,
    RandAugment,
    Scheduler,
    Wandb,
)
from leoclr_plugin.config.views import Pipeline

_LIGHTNING = {"of": "Lightning"}
_FINE_TUNING = {"of": "leoclr", "commands": (FINETUNE,)}


class Config(Node):
    """A configuration.

    The top may also have any argument of ``lightning.pytorch.Trainer``. ``method_kwargs`` accepts
    any key, because each method has its own; those of LeOCLR are declared in ``LeOCLRSettings``.
    """

    name: str = key(None, "name of the run; its files begin with it", needed=ALL, reads="text")
    method: str = key(
        None, "solo-learn's name of the method", needed=(PRETRAIN,), commands=(PRETRAIN,)
    )
    backbone: Backbone = key(None, "the encoder")
    method_kwargs: dict[str, Any] = key({}, "the method's own settings", commands=(PRETRAIN,))
    momentum: Momentum = key(None, "the momentum encoder", commands=(PRETRAIN,))
    data: Data = key(None, "the images and how they are read")
    augmentations: Annotated[list[Pipeline], Field(min_length=1)] = key(
        None,
        "the views; leoclr needs the crops first and the original last",
        needed=(PRETRAIN,),
        commands=(PRETRAIN,),
        wanted="a list of pipelines like those in scripts/pretrain",
    )
    dali: Dali = key(None, "the loader of data.format: dali", commands=WHOLE_IMAGES)
    optimizer: Optimizer = key(None, "the optimizer, its learning rates and the batch size")
    scheduler: Scheduler = key(None, "how the learning rate changes", commands=WHOLE_IMAGES)
    checkpoint: Checkpoint = key(None, "the checkpoints of a run")
    auto_resume: AutoResume = key(
        None, "whether to resume the newest run of the same configuration"
    )
    resume_from_checkpoint: str | None = key(None, "checkpoint of the run to resume", reads="path")
    knn_eval: KnnEval = key(None, "the online kNN", commands=(PRETRAIN,))
    measures: Measures = key(None, "label-free measures during the training", commands=(PRETRAIN,))
    wandb: Wandb = key(None, "logging to Weights & Biases")
    callbacks: list[dict[str, Any]] | dict[str, dict[str, Any]] = key(
        [],
        "callbacks of Lightning, as nodes with _target_",
        of="leoclr",
        wanted="a list, or a mapping of names, of nodes with _target_",
    )
    loggers: list[dict[str, Any]] | dict[str, dict[str, Any]] = key(
        [],
        "loggers of Lightning in addition to metrics.csv, as nodes with _target_",
        of="leoclr",
        wanted="a list, or a mapping of names, of nodes with _target_",
    )
    performance: Performance = key(None, "settings of speed", commands=WHOLE_IMAGES)
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = key(5, "seed of all random draws")
    on_nonfinite: Literal["stop", "skip", "ignore"] = key(
        "stop",
        "what to do if the loss is not finite (default for deepclusterv2: ignore)",
        of="leoclr",
    )
    max_nonfinite: Natural = key(
        10, "maximum number of steps that on_nonfinite: skip leaves out in a run", of="leoclr"
    )

    pretrained_feature_extractor: str | None = key(
        None,
        "the checkpoint; set by the command",
        commands=(*ON_A_CHECKPOINT, DETECT),
        reads="path",
    )
    pretrain_method: str | None = key(
        None, "the checkpoint's method; set by the command", commands=(*ON_A_CHECKPOINT, DETECT)
    )
    finetune: bool = key(False, "train the backbone too", commands=(LINEAR,))
    mixup: NotNegative = key(
        0.0, "alpha of mixup, which blends two images and their labels; 0 is off", **_FINE_TUNING
    )
    cutmix: NotNegative = key(
        0.0, "alpha of cutmix, which pastes a part of another image; 0 is off", **_FINE_TUNING
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = key(
        0.0, "share of a label that is divided among all classes", **_FINE_TUNING
    )
    rand_augment: RandAugment = key(
        None, "random changes of each image (RandAugment)", commands=(FINETUNE,)
    )
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = key(
        0.0,
        "highest decay of a moving average of the weights, which is evaluated instead of them; 0 "
        "is off",
        of="leoclr",
        commands=(FINETUNE,),
    )
    crop_size: Natural | None = key(
        None,
        "height and width of the images in pixels; null for the size of the pretraining",
        of="leoclr",
        commands=(FINETUNE,),
    )
    detection: Detection = key(
        None, "the detector of leoclr detect, and its pictures", commands=(DETECT,)
    )
    auto_augment: bool = key(
        False, "not supported; rand_augment of leoclr finetune replaces it", commands=(LINEAR,)
    )
    debug_augmentations: bool = key(False, "not supported; use leoclr views", commands=(PRETRAIN,))
    auto_umap: dict[str, Any] = key({}, "not supported; use leoclr umap", commands=(PRETRAIN,))

    max_epochs: Endless | Natural = key(
        None,
        "epochs to train; -1 trains without end",
        needed=WHOLE_IMAGES,
        commands=WHOLE_IMAGES,
        **_LIGHTNING,
    )
    max_steps: Endless | Natural = key(
        -1, "maximum number of steps; -1 is no limit", needed=(DETECT,), **_LIGHTNING
    )
    limit_train_batches: Natural | Annotated[float, Field(gt=0, le=1)] | None = key(
        None, "number or fraction of an epoch's batches to train on", **_LIGHTNING
    )
    check_val_every_n_epoch: Natural | None = key(
        1, "epochs from one validation to the next", commands=WHOLE_IMAGES, **_LIGHTNING
    )
    accumulate_grad_batches: Natural = key(1, "batches for each optimizer step", **_LIGHTNING)
    accelerator: str | None = key(
        "auto", "cpu, gpu, or auto, which takes a GPU if there is one", **_LIGHTNING
    )
    devices: Devices = key(
        [0],
        "GPUs to use, or processes on a CPU; several on a CPU need accelerator: cpu",
        reads="list",
        wanted=WANTED,
        **_LIGHTNING,
    )
    num_nodes: Natural = key(1, "number of machines", **_LIGHTNING)
    strategy: str | None = key(None, "ddp, or null for Lightning's own choice", **_LIGHTNING)
    sync_batchnorm: bool = key(
        False, "synchronise batch norm over all processes; GPUs only", **_LIGHTNING
    )
    precision: Literal[16, 32, 64] | str | None = key(
        None,
        "32, 16-mixed, bf16-mixed and so on; on a CPU 16-mixed becomes 32",
        wanted="a precision that Lightning knows, such as 32, 16-mixed or bf16-mixed",
        **_LIGHTNING,
    )
    fast_dev_run: bool | Count = key(False, "try one batch and write nothing", **_LIGHTNING)


@lru_cache
def settable(command: str) -> frozenset[str]:
    """Return the dotted names of the keys that a command reads.

    The name of a key in a list of nodes has brackets, such as ``augmentations[].crop_size``.
    """
    return frozenset(_read_by(command, Config))


def _read_by(command: str, node: type[Node], prefix: str = "") -> Iterator[str]:
    for name, field in node.model_fields.items():
        inner = node_of(field)
        if command not in about(field).commands:
            continue
        if inner is not None:
            brackets = "[]" if inner is not field.annotation else ""
            yield from _read_by(command, inner, f"{prefix}{name}{brackets}.")
        # A node at the top may be one of Hydra's groups, whose value is the name of a file.
        if inner is None or prefix:
            yield prefix + name


@lru_cache
def read_as(*kinds: str) -> tuple[str, ...]:
    """Return the dotted names of the keys with ``About.reads`` in ``kinds``."""
    return tuple(
        dotted
        for dotted, node, name in leaves(Config)
        if about(node.model_fields[name]).reads in kinds
    )
