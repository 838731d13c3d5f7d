"""The keys of the nodes that all methods share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from leoclr_plugin.config.datasets import DATASETS, FORMATS
from leoclr_plugin.config.keys import (
    BOTH,
    LINEAR,
    PRETRAIN,
    Count,
    Natural,
    Node,
    NotNegative,
    Share,
    key,
)

_PART = Annotated[float, Field(ge=-1, le=-1)] | Annotated[float, Field(gt=0, lt=1)]


class Data(Node):
    """``data``: the images, and how they are read."""

    dataset: Literal[DATASETS] = key(  # type: ignore[valid-type]
        None, "the data set; custom counts the class folders", needed=BOTH
    )
    train_path: str = key(None, "folder of the training images", needed=BOTH, reads="path")
    val_path: str | None = key(
        None, "folder of the validation images", needed=(LINEAR,), reads="path"
    )
    train_list: str | None = key(
        None, "file that lists the training images to use", of="leoclr", reads="path"
    )
    val_list: str | None = key(
        None, "file that lists the validation images to use", of="leoclr", reads="path"
    )
    labels: str | None = key(
        None, "CSV file of labels for the training images", of="leoclr", reads="path"
    )
    val_labels: str | None = key(
        None, "CSV file of labels for the validation images", of="leoclr", reads="path"
    )
    format: Literal[FORMATS] = key(  # type: ignore[valid-type]
        "image_folder", "read by torchvision, or by NVIDIA DALI"
    )
    num_workers: Count = key(None, "processes (DALI: threads) that load images", needed=BOTH)
    no_labels: bool = key(False, "the images are not in one folder a class", commands=(PRETRAIN,))
    fraction: _PART = key(-1, "part of the training images to use; -1 is all of them")
    download: bool = key(False, "fetch the data set where it is not there", of="leoclr")
    num_classes: Natural = key(None, "set by the host")
    num_large_crops: Count = key(None, "set by the host", commands=(PRETRAIN,))
    num_small_crops: Count = key(None, "set by the host", commands=(PRETRAIN,))


class Backbone(Node):
    """``backbone``: the encoder."""

    name: str = key(None, "the network, by solo-learn's name for it", needed=BOTH)
    kwargs: dict[str, Any] = key({}, "arguments of the network's own constructor")


class Optimizer(Node):
    """``optimizer``: what changes the weights, and how much."""

    name: Literal["sgd", "lars", "adam", "adamw"] = key(None, "the optimizer", needed=BOTH)
    batch_size: Natural = key(None, "images in a batch of one process", needed=BOTH)
    lr: NotNegative = key(
        None, "learning rate, multiplied by batch size x devices x nodes / 256", needed=BOTH
    )
    classifier_lr: NotNegative = key(
        None,
        "learning rate of the online classifier, multiplied alike where there is a validation set",
        needed=(PRETRAIN,),
        commands=(PRETRAIN,),
    )
    weight_decay: NotNegative = key(None, "weight decay", needed=BOTH)
    kwargs: dict[str, Any] = key({}, "arguments of the optimizer's own constructor")
    exclude_bias_n_norm_wd: bool = key(False, "no weight decay of biases and norms")
    layer_decay: NotNegative = key(
        0.0, "factor of the rate from layer to layer; the real solo-learn's", commands=(LINEAR,)
    )


class Scheduler(Node):
    """``scheduler``: how the learning rate changes."""

    name: Literal["warmup_cosine", "step", "none"] = key(None, "the schedule", needed=BOTH)
    warmup_epochs: NotNegative = key(10, "epochs in which the rate rises; warmup_cosine's")
    warmup_start_lr: NotNegative = key(3e-5, "rate at the first step; warmup_cosine's")
    min_lr: NotNegative = key(0.0, "rate at the last step; warmup_cosine's")
    lr_decay_steps: list[Natural] | None = key(
        None,
        "epochs after which the rate becomes a tenth; step's",
        wanted="a list of whole numbers of at least 1 or null",
    )
    interval: Literal["step", "epoch"] = key("step", "when the rate changes; warmup_cosine's")


class Checkpoint(Node):
    """``checkpoint``: what is kept of a run."""

    enabled: bool = key(False, "write checkpoints")
    dir: str = key("trained_models", "folder of all runs", reads="path")
    frequency: Natural = key(1, "epochs from one checkpoint to the next")
    keep_prev: bool = key(False, "keep the earlier checkpoints too")


class AutoResume(Node):
    """``auto_resume``: going on with the newest run of the same configuration."""

    enabled: bool = key(False, "look for such a run")
    max_hours: NotNegative = key(36, "hours that its checkpoint may be old")


class KnnEval(Node):
    """``knn_eval``: the online kNN."""

    enabled: bool = key(False, "evaluate by kNN after each epoch")
    k: Natural = key(20, "neighbours")
    distance_func: Literal["euclidean", "cosine"] = key("euclidean", "the distance of two features")


class Wandb(Node):
    """``wandb``: logging to Weights & Biases."""

    enabled: bool = key(False, "log there as well")
    entity: str | None = key(None, "user or team", reads="text")
    project: str = key("solo-learn", "project", reads="text")
    offline: bool = key(False, "keep the log on this machine")


class Performance(Node):
    """``performance``: how the network is run; it changes no result."""

    disable_channel_last: bool = key(False, "keep the channels first in memory")
    compile: bool = key(False, "let torch compile the encoders", of="leoclr", commands=(PRETRAIN,))


class Dali(Node):
    """``dali``: the loader of ``data.format: dali``."""

    device: Literal["cpu", "gpu"] | None = key(
        None, "where images are decoded; null follows the accelerator"
    )
    prefetch: Natural = key(2, "batches that are made ahead", of="leoclr")
    cache_mb: NotNegative = key(
        0, "memory in MB for a data set's decoded images; 0 keeps none", of="leoclr"
    )
    hw_decoder_load: Share = key(
        0.9, "part of the images that a GPU's JPEG decoder takes", of="leoclr"
    )
    encode_indexes_into_labels: bool = key(
        False, "solo-learn's own loader's; here indexes are always those of the samples"
    )
