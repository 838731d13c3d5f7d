"""The data of an evaluation: what the checkpoint was trained on, or what the user names."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.errors import UserError


def evaluation_cfg(
    trained: DictConfig,
    dataset: str | None = None,
    train_path: str | None = None,
    val_path: str | None = None,
    batch_size: int = 256,
    num_workers: int | None = None,
    train_list: str | None = None,
    val_list: str | None = None,
    train_labels: str | None = None,
    val_labels: str | None = None,
) -> DictConfig:
    """Build the ``data`` and ``optimizer.batch_size`` nodes that the loaders read.

    Args:
        trained: configuration of the pretraining, whose data is the default.
        dataset: name of the data set.
        train_path: folder of the labelled training images.
        val_path: folder of the validation images.
        batch_size: images encoded at once.
        num_workers: loader processes.
        train_labels: labels file of the training images, whose folder is their default.
        val_labels: labels file of the validation images, likewise.
        train_list: list of the training images to take, ``""`` for all; see ``take_lists``.
        val_list: the same of the validation images.

    Raises:
        UserError: where there is no validation set.
    """
    own = trained.data
    if train_labels or val_labels:
        dataset = dataset or "custom"
        train_path = train_path or (str(Path(train_labels).parent) if train_labels else None)
        val_path = val_path or (str(Path(val_labels).parent) if val_labels else None)
    elif not (dataset or train_path or val_path):
        # They are those of the checkpoint's own images alone.
        train_labels, val_labels = own.get("labels"), own.get("val_labels")
    data = {
        "format": "image_folder",
        "dataset": dataset or own.dataset,
        "train_path": train_path or own.train_path,
        "val_path": val_path or own.get("val_path"),
        "labels": train_labels,
        "val_labels": val_labels,
        "num_workers": own.num_workers if num_workers is None else num_workers,
    }
    if data["val_path"] is None:
        raise UserError(
            "the checkpoint was trained without a validation set; name one with --val_data_path"
        )
    given = {"train_list": train_list, "val_list": val_list}
    data |= {key: value for key, value in given.items() if value is not None}
    cfg = OmegaConf.create({"data": data, "optimizer": {"batch_size": batch_size}})
    take_lists(cfg.data, own)
    return cfg


def take_lists(data: DictConfig, trained: DictConfig) -> None:
    """Evaluate on the listed images that a run was trained on, unless other ones are asked for.

    Args:
        data: node of the evaluation. Where its ``train_path`` is the training's and it says
            nothing of a ``train_list``, it gets the training's; ``val_list`` in the same way.
        trained: node of the pretraining.
    """
    for split in ("train", "val"):
        listed = trained.get(f"{split}_list")
        folders = [node.get(f"{split}_path") for node in (data, trained)]
        same = len({os.path.realpath(str(folder)) for folder in folders}) == 1
        if listed and same and f"{split}_list" not in data:
            OmegaConf.update(data, f"{split}_list", listed, force_add=True)
