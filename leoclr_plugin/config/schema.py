"""All keys of a configuration of ``scripts/pretrain`` or ``scripts/linear``."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field

from leoclr_plugin.config.devices import WANTED, Devices
from leoclr_plugin.config.keys import (
    BOTH,
    LINEAR,
    PRETRAIN,
    Count,
    Endless,
    Natural,
    Node,
    NotNegative,
    about,
    key,
    leaves,
)
from leoclr_plugin.config.leoclr import Momentum
from leoclr_plugin.config.nodes import (
    AutoResume,
    Backbone,
    Checkpoint,
    Dali,
    Data,
    KnnEval,
    Optimizer,
    Performance,
    Scheduler,
    Wandb,
)
from leoclr_plugin.config.views import Pipeline

_LIGHTNING = {"of": "Lightning"}
_FINE_TUNING = "solo-learn's main_linear.py takes it; leoclr linear does not"


class Config(Node):
    """A configuration.

    Besides these keys every argument of ``lightning.pytorch.Trainer`` may stand at the top.
    ``method_kwargs`` is open, since each method has its own; LeOCLR's are declared in
    ``LeOCLRSettings``.
    """

    name: str = key(None, "name of the run, with which its files begin", needed=BOTH, reads="text")
    method: str = key(
        None, "the method, by solo-learn's name for it", needed=(PRETRAIN,), commands=(PRETRAIN,)
    )
    backbone: Backbone = key(None, "the encoder")
    method_kwargs: dict[str, Any] = key({}, "the method's own settings", commands=(PRETRAIN,))
    momentum: Momentum = key(None, "the momentum encoder", commands=(PRETRAIN,))
    data: Data = key(None, "the images, and how they are read")
    augmentations: Annotated[list[Pipeline], Field(min_length=1)] = key(
        None,
        "the views; for leoclr the crops first and the original last",
        needed=(PRETRAIN,),
        commands=(PRETRAIN,),
        wanted="a list of pipelines, as those in scripts/pretrain",
    )
    dali: Dali = key(None, "the loader of data.format: dali")
    optimizer: Optimizer = key(None, "what changes the weights, and how much")
    scheduler: Scheduler = key(None, "how the learning rate changes")
    checkpoint: Checkpoint = key(None, "what is kept of a run")
    auto_resume: AutoResume = key(None, "going on with the newest run of the same configuration")
    resume_from_checkpoint: str | None = key(
        None, "checkpoint of the run to go on with", reads="path"
    )
    knn_eval: KnnEval = key(None, "the online kNN", commands=(PRETRAIN,))
    wandb: Wandb = key(None, "logging to Weights & Biases")
    performance: Performance = key(None, "how the network is run")
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = key(5, "seed of all that is drawn")
    on_nonfinite: Literal["stop", "skip", "ignore"] = key(
        "stop",
        "what is done where the loss is not finite (deepclusterv2: ignore)",
        of="leoclr",
    )
    max_nonfinite: Natural = key(
        10, "steps of a run that on_nonfinite: skip leaves out at most", of="leoclr"
    )

    pretrained_feature_extractor: str | None = key(
        None, "the checkpoint; set by leoclr linear", commands=(LINEAR,), reads="path"
    )
    pretrain_method: str | None = key(
        None, "the checkpoint's method; set by leoclr linear", commands=(LINEAR,)
    )
    finetune: bool = key(False, "train the backbone as well", commands=(LINEAR,))
    mixup: NotNegative = key(0.0, _FINE_TUNING, commands=(LINEAR,))
    cutmix: NotNegative = key(0.0, _FINE_TUNING, commands=(LINEAR,))
    label_smoothing: NotNegative = key(0.0, _FINE_TUNING, commands=(LINEAR,))
    auto_augment: bool = key(False, _FINE_TUNING, commands=(LINEAR,))
    debug_augmentations: bool = key(
        False, "not taken here: leoclr views draws them", commands=(PRETRAIN,)
    )
    auto_umap: dict[str, Any] = key(
        {}, "not taken here: leoclr umap draws it", commands=(PRETRAIN,)
    )

    max_epochs: Endless | Natural = key(
        None, "epochs to train; -1 has no end", needed=BOTH, **_LIGHTNING
    )
    max_steps: Endless | Natural = key(-1, "steps to train at most; -1 has no limit", **_LIGHTNING)
    limit_train_batches: Natural | Annotated[float, Field(gt=0, le=1)] | None = key(
        None, "batches of an epoch to train on, or the part of them", **_LIGHTNING
    )
    check_val_every_n_epoch: Natural | None = key(
        1, "epochs from one validation to the next", **_LIGHTNING
    )
    accumulate_grad_batches: Natural = key(1, "batches to each step of the optimizer", **_LIGHTNING)
    accelerator: str | None = key(
        "auto", "cpu, gpu, or auto for a GPU where there is one", **_LIGHTNING
    )
    devices: Devices = key(
        [0],
        "the devices; on a CPU each is a process, and there is one unless accelerator: cpu is set",
        reads="list",
        wanted=WANTED,
        **_LIGHTNING,
    )
    num_nodes: Natural = key(1, "machines", **_LIGHTNING)
    strategy: str | None = key(None, "ddp, or null for Lightning's own choice", **_LIGHTNING)
    sync_batchnorm: bool = key(
        False, "one batch norm over all processes; on GPUs alone", **_LIGHTNING
    )
    precision: Literal[16, 32, 64] | str | None = key(
        None,
        "32, 16-mixed, bf16-mixed and so on; on a CPU 16-mixed becomes 32",
        wanted="a precision that Lightning knows, such as 32, 16-mixed or bf16-mixed",
        **_LIGHTNING,
    )
    fast_dev_run: bool | Count = key(False, "try a batch, and leave nothing behind", **_LIGHTNING)


@lru_cache
def read_as(*kinds: str) -> tuple[str, ...]:
    """The dotted names of the keys whose values are read as one of ``kinds``, see ``About``."""
    return tuple(
        dotted
        for dotted, node, name in leaves(Config)
        if about(node.model_fields[name]).reads in kinds
    )
