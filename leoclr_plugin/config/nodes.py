"""The nodes that all methods share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from leoclr_plugin.config.datasets import DATASETS, FORMATS, MAX_CHANNELS, SOURCES
from leoclr_plugin.config.keys import (
    ALL,
    DETECT,
    FINETUNE,
    ON_A_CHECKPOINT,
    PRETRAIN,
    WHOLE_IMAGES,
    Count,
    Natural,
    Node,
    NotNegative,
    Paths,
    PerChannel,
    Share,
    key,
)

_OF_WHOLE_IMAGES: dict[str, Any] = {"of": "leoclr", "commands": WHOLE_IMAGES}
_ENDS = Annotated[list[float], Field(min_length=2, max_length=2)]
_PART = Annotated[float, Field(ge=-1, le=-1)] | Annotated[float, Field(gt=0, lt=1)]


class PairKind(Node):
    """``data.pairs.kinds.NAME``: how the pairs of one kind enter the loss."""

    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = key(
        1.0, "factor of the terms of such a pair, or of a negative's part", of="leoclr"
    )
    negative: bool = key(False, "push the partner away from the image", of="leoclr")


class Pairs(Node):
    """``data.pairs``: partners of the images, which are their positives."""

    file: str | None = key(
        None, "CSV or Parquet file with the columns image and partner", of="leoclr", reads="path"
    )
    suffixes: list[str] = key(
        [],
        "suffixes of the partners' names, with * and ?, if they lie beside their image",
        of="leoclr",
        wanted="a list of texts",
    )
    probability: Share = key(1.0, "how often an image is paired", of="leoclr")
    where: Literal["second", "both", "originals"] = key(
        "second",
        "which views show the partner: the last crop, all crops, or a second original",
        of="leoclr",
    )
    control: bool = key(
        False,
        "the matched control: all views of a pair show the image, or all the partner",
        of="leoclr",
    )
    kinds: dict[str, dict[str, Any]] | None = key(
        None,
        "weights of the kinds of pairs in the file, and which are negatives",
        of="leoclr",
        wanted="a node with a node for the name of each kind",
    )


class Data(Node):
    """``data``: the images and how they are read."""

    dataset: Literal[DATASETS] = key(  # type: ignore[valid-type]
        None,
        "the data set; custom is your own images, whose classes are counted",
        needed=WHOLE_IMAGES,
        commands=WHOLE_IMAGES,
    )
    train_path: str | Paths = key(
        None,
        "folder, file or files of the training images",
        needed=ALL,
        reads="path",
        wanted="a path or a list of paths",
    )
    val_path: str | Paths | None = key(
        None,
        "folder, file or files of the validation images",
        needed=(*ON_A_CHECKPOINT, DETECT),
        reads="path",
        wanted="a path, a list of paths or null",
    )
    source: Literal[SOURCES] | None = key(  # type: ignore[valid-type]
        None, "what the paths lead to; null tells it by their endings", **_OF_WHOLE_IMAGES
    )
    image_key: str | None = key(
        None,
        "column of the images in Parquet and Arrow, or the images' ending in tar shards",
        reads="text",
        **_OF_WHOLE_IMAGES,
    )
    label_key: str | None = key(
        None,
        "column of the labels in Parquet and Arrow, or the labels' ending in tar shards",
        reads="text",
        **_OF_WHOLE_IMAGES,
    )
    train_list: str | None = key(
        None, "file that lists the training images to use", reads="path", **_OF_WHOLE_IMAGES
    )
    val_list: str | None = key(
        None, "file that lists the validation images to use", reads="path", **_OF_WHOLE_IMAGES
    )
    labels: str | None = key(
        None, "CSV file of labels for the training images", reads="path", **_OF_WHOLE_IMAGES
    )
    val_labels: str | None = key(
        None, "CSV file of labels for the validation images", reads="path", **_OF_WHOLE_IMAGES
    )
    format: Literal[FORMATS] = key(  # type: ignore[valid-type]
        "image_folder",
        "how images are read: by threads of Python, or by NVIDIA DALI; h5 is image_folder with "
        "source: h5",
        commands=WHOLE_IMAGES,
    )
    num_workers: Count = key(
        None, "threads that load images; in solo-learn's own scripts, processes", needed=ALL
    )
    cache_mb: NotNegative = key(
        0,
        "memory in MB for the decoded images of a data set; 0 disables the cache",
        **_OF_WHOLE_IMAGES,
    )
    channels: Literal["auto"] | Annotated[int, Field(ge=1, le=MAX_CHANNELS)] = key(
        "auto",
        "channels of the images, which are read with all their bits; auto reads RGB of 8 bits",
        **_OF_WHOLE_IMAGES,
        wanted=f"auto or a whole number from 1 to {MAX_CHANNELS}",
    )
    range: Literal["auto"] | _ENDS = key(
        "auto",
        "levels that become 0 and 1; auto takes those of the file's type",
        reads="list",
        **_OF_WHOLE_IMAGES,
        wanted="auto or a pair [low, high] of numbers",
    )
    clip: bool = key(
        False,
        "move levels outside of range to its ends; if False, they are refused",
        **_OF_WHOLE_IMAGES,
    )
    mean: PerChannel | None = key(
        None,
        "mean of each channel, of levels from 0 to 1; null for that of the data set",
        reads="list",
        **_OF_WHOLE_IMAGES,
        wanted="a list of a number for each channel or null",
    )
    std: PerChannel | None = key(
        None,
        "standard deviation of each channel; null for that of the data set",
        reads="list",
        **_OF_WHOLE_IMAGES,
        wanted="a list of a number above 0 for each channel or null",
    )
    augment_on: Literal["cpu", "gpu"] = key(
        "cpu",
        "device that changes colours, blurs and flips the resized images of image_folder",
        **_OF_WHOLE_IMAGES,
    )
    on_bad_image: Literal["stop", "skip"] = key(
        "stop",
        "what a training does with an image that it cannot read; skip shows another in its place",
        **_OF_WHOLE_IMAGES,
    )
    max_bad_share: Annotated[float, Field(ge=0, lt=1)] = key(
        0.01,
        "largest share of the images that on_bad_image: skip leaves out; more stop the training",
        **_OF_WHOLE_IMAGES,
    )
    pairs: Pairs = key(None, "pairs of images as positives", commands=(PRETRAIN,), null=True)
    online: dict[str, dict[str, Any]] = key(
        {},
        "labelled sets by name that kNN and a probe are measured on during the training",
        of="leoclr",
        commands=(PRETRAIN,),
    )
    no_labels: bool = key(
        False, "use the images without labels; they need no class folders", commands=(PRETRAIN,)
    )
    fraction: _PART = key(
        -1, "fraction of the training images to use; -1 uses all", commands=WHOLE_IMAGES
    )
    download: bool = key(False, "download the data set if it is missing", **_OF_WHOLE_IMAGES)
    num_classes: Natural = key(None, "set by the host", commands=WHOLE_IMAGES)
    num_large_crops: Count = key(None, "set by the host", commands=(PRETRAIN,))
    num_small_crops: Count = key(None, "set by the host", commands=(PRETRAIN,))


class Backbone(Node):
    """``backbone``: the encoder."""

    name: str = key(
        None, "solo-learn's or timm's name of the network, or the path of a class", needed=ALL
    )
    kwargs: dict[str, Any] = key({}, "arguments of the network's constructor")
    weights: str | None = key(
        None,
        "weights to start from: a file, zoo:NAME, or timm for its pretrained weights",
        of="leoclr",
        commands=(PRETRAIN,),
        reads="path",
    )
    weights_partial: bool = key(
        False, "accept weights of a part of the network", of="leoclr", commands=(PRETRAIN,)
    )


class Optimizer(Node):
    """``optimizer``: the optimizer, its learning rates and the batch size."""

    name: Literal["sgd", "lars", "adam", "adamw"] = key(None, "the optimizer", needed=ALL)
    batch_size: Natural = key(None, "images in a batch of one process", needed=ALL)
    lr: NotNegative = key(
        None,
        "learning rate; multiplied by batch size x devices x nodes / 256, for detect / 16",
        needed=ALL,
    )
    classifier_lr: NotNegative = key(
        None,
        "learning rate of the classifier; multiplied like lr, in pretraining only if there is a "
        "validation set",
        needed=(PRETRAIN, FINETUNE),
        commands=(PRETRAIN, FINETUNE),
    )
    weight_decay: NotNegative = key(None, "weight decay", needed=ALL)
    final_weight_decay: NotNegative | None = key(
        None, "weight decay at the last step, reached by half a cosine; null keeps it", of="leoclr"
    )
    kwargs: dict[str, Any] = key({}, "arguments of the optimizer's constructor")
    exclude_bias_n_norm_wd: bool = key(
        False, "exclude biases and normalisation layers from weight decay"
    )
    layer_decay: NotNegative = key(
        0.0,
        "factor of the learning rate from each layer to the one before, 0 for none; leoclr linear "
        "needs the real solo-learn for it",
        commands=ON_A_CHECKPOINT,
    )


class Scheduler(Node):
    """``scheduler``: how the learning rate changes."""

    name: Literal["warmup_cosine", "step", "none"] = key(None, "the schedule", needed=WHOLE_IMAGES)
    warmup_epochs: NotNegative = key(10, "epochs of warmup; for warmup_cosine")
    warmup_start_lr: NotNegative = key(3e-5, "learning rate at the first step; for warmup_cosine")
    min_lr: NotNegative = key(0.0, "learning rate at the last step; for warmup_cosine")
    lr_decay_steps: list[Natural] | None = key(
        None,
        "epochs after which the learning rate is divided by 10; for step",
        wanted="a list of whole numbers of at least 1 or null",
    )
    interval: Literal["step", "epoch"] = key(
        "step", "change the learning rate after each step or each epoch; for warmup_cosine"
    )


class Checkpoint(Node):
    """``checkpoint``: the checkpoints of a run."""

    enabled: bool = key(False, "write checkpoints")
    dir: str = key("trained_models", "folder of all runs", reads="path")
    frequency: Natural = key(1, "epochs from one checkpoint to the next")
    keep_prev: bool = key(False, "keep earlier checkpoints as well")


class AutoResume(Node):
    """``auto_resume``: whether to resume the newest run of the same configuration."""

    enabled: bool = key(False, "resume such a run if there is one")
    max_hours: NotNegative = key(36, "maximum age of its checkpoint in hours")


class KnnEval(Node):
    """``knn_eval``: the online kNN."""

    enabled: bool = key(False, "evaluate by kNN after each epoch")
    k: Natural = key(20, "number of neighbours")
    distance_func: Literal["euclidean", "cosine"] = key("euclidean", "distance between features")


class Measures(Node):
    """``measures``: label-free measures of the features, logged during a pretraining."""

    every_n_epochs: Count = key(
        0, "epochs from one measurement to the next; 0 measures nothing", of="leoclr"
    )
    images: Annotated[int, Field(ge=2)] = key(
        512, "training images that are measured, the same ones each time", of="leoclr"
    )
    views: Annotated[int, Field(ge=2)] = key(4, "augmented views of each image", of="leoclr")


class Wandb(Node):
    """``wandb``: logging to Weights & Biases."""

    enabled: bool = key(False, "log to Weights & Biases as well")
    entity: str | None = key(None, "user or team", reads="text")
    project: str = key("solo-learn", "project", reads="text")
    offline: bool = key(False, "keep the log on this machine")


class Performance(Node):
    """``performance``: settings of speed, which do not change the method."""

    disable_channel_last: bool = key(False, "do not use the channels-last memory format")
    compile: bool = key(
        False, "compile the encoders with torch.compile", of="leoclr", commands=(PRETRAIN,)
    )


class Dali(Node):
    """``dali``: the loader of ``data.format: dali``."""

    device: Literal["cpu", "gpu"] | None = key(
        None, "device that decodes images; null follows the accelerator"
    )
    prefetch: Natural = key(2, "batches to prepare in advance", of="leoclr")
    cache_mb: NotNegative = key(0, "older name of data.cache_mb", of="leoclr")
    hw_decoder_load: Share = key(
        0.9, "fraction of the images that the GPU's JPEG decoder decodes", of="leoclr"
    )
    encode_indexes_into_labels: bool = key(
        False, "setting of solo-learn's DALI loader; the loader of leoclr does not need it"
    )


class RandAugment(Node):
    """``rand_augment``: random changes of each image, those of torchvision's ``RandAugment``."""

    num_ops: Count = key(0, "number of changes; 0 makes none", of="leoclr")
    magnitude: Annotated[int, Field(ge=0, le=30)] = key(
        9, "strength of the changes, from 0 to 30", of="leoclr"
    )
