"""The node of ``leoclr detect``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leoclr_plugin.config.keys import DETECT, Count, Natural, Node, key

_Names = Annotated[list[str], Field(min_length=1)]
_NAMES_WANTED = "a list of names such as [VOC2007/trainval]"


class Detection(Node):
    """``detection``: the detector and the pictures with boxes that it learns from."""

    network: Literal["c4", "fpn"] = key(
        None,
        "how the ResNet becomes a Faster R-CNN: its third stage's map and its fourth stage as the "
        "head of the boxes, or a feature pyramid of all four",
        of="leoclr",
        needed=(DETECT,),
    )
    layout: Literal["voc", "coco"] = key(
        None,
        "the layout of the folders data.train_path and data.val_path",
        of="leoclr",
        needed=(DETECT,),
    )
    train_sets: _Names = key(
        None,
        "sets to train on: VOC2007/trainval in VOC's layout, train2017 in COCO's",
        of="leoclr",
        needed=(DETECT,),
        wanted=_NAMES_WANTED,
    )
    val_sets: _Names = key(
        None, "sets to evaluate on", of="leoclr", needed=(DETECT,), wanted=_NAMES_WANTED
    )
    min_size: Annotated[list[Natural], Field(min_length=1)] = key(
        [800],
        "lengths in pixels that an image's shorter side is resized to: a training draws one of "
        "them, the evaluation takes the last",
        of="leoclr",
        wanted="a list of whole numbers of at least 1",
    )
    max_size: Natural = key(
        1333, "maximum of the longer side in pixels, which counts for more", of="leoclr"
    )
    warmup_steps: Count = key(
        100, "steps over which the learning rate rises from a thousandth of it", of="leoclr"
    )
    lr_decay_steps: list[Natural] = key(
        [],
        "steps after which the learning rate is divided by 10",
        of="leoclr",
        wanted="a list of whole numbers of at least 1",
    )
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = key(
        0,
        "parts of the ResNet that keep the run's weights and statistics: 1 is its first "
        "convolution, 5 all of it",
        of="leoclr",
    )
