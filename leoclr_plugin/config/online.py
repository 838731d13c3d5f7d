"""The keys of a labelled set that a pretraining is evaluated on."""

from __future__ import annotations

from leoclr_plugin.config.keys import PRETRAIN, Natural, Node, key


class OnlineSet(Node):
    """``data.online.NAME``: a labelled set that is not trained on."""

    train_path: str = key(
        None, "folder of its training images", needed=(PRETRAIN,), of="leoclr", reads="path"
    )
    val_path: str = key(
        None, "folder of its validation images", needed=(PRETRAIN,), of="leoclr", reads="path"
    )
    labels: str | None = key(
        None, "CSV file of labels for its training images", of="leoclr", reads="path"
    )
    val_labels: str | None = key(
        None, "CSV file of labels for its validation images", of="leoclr", reads="path"
    )
    every_n_epochs: Natural = key(1, "epochs from one evaluation to the next", of="leoclr")
    k: Natural = key(20, "number of neighbours of kNN", of="leoclr")
