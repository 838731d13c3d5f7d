"""The keys of a labelled set that a pretraining is evaluated on."""

from __future__ import annotations

from typing import Literal

from leoclr_plugin.config.datasets import SOURCES
from leoclr_plugin.config.keys import PRETRAIN, Natural, Node, Paths, key


class OnlineSet(Node):
    """``data.online.NAME``: a labelled set that is not trained on."""

    train_path: str | Paths = key(
        None,
        "folder, file or files of its training images",
        needed=(PRETRAIN,),
        of="leoclr",
        reads="path",
        wanted="a path or a list of paths",
    )
    val_path: str | Paths = key(
        None,
        "folder, file or files of its validation images",
        needed=(PRETRAIN,),
        of="leoclr",
        reads="path",
        wanted="a path or a list of paths",
    )
    source: Literal[SOURCES] | None = key(  # type: ignore[valid-type]
        None, "what the paths lead to, as data.source", of="leoclr"
    )
    image_key: str | None = key(None, "as data.image_key", of="leoclr", reads="text")
    label_key: str | None = key(None, "as data.label_key", of="leoclr", reads="text")
    labels: str | None = key(
        None, "CSV file of labels for its training images", of="leoclr", reads="path"
    )
    val_labels: str | None = key(
        None, "CSV file of labels for its validation images", of="leoclr", reads="path"
    )
    every_n_epochs: Natural = key(1, "epochs from one evaluation to the next", of="leoclr")
    k: Natural = key(20, "number of neighbours of kNN", of="leoclr")
