"""The data of an evaluation: the checkpoint's own data, or data that the user names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.config.datasets import SOURCE_KEYS
from leoclr_plugin.data.levels import reading_of
from leoclr_plugin.errors import UserError

# In a folder of images that show several classes, this file says which.
LABELS_FILE = "labels.csv"


def evaluation_cfg(
    trained: DictConfig,
    dataset: str | None = None,
    train_path: str | Sequence[str] | None = None,
    val_path: str | Sequence[str] | None = None,
    batch_size: int = 256,
    num_workers: int | None = None,
    train_list: str | None = None,
    val_list: str | None = None,
    train_labels: str | None = None,
    val_labels: str | None = None,
    source: Mapping[str, str] | None = None,
) -> DictConfig:
    """Build the ``data`` and ``optimizer.batch_size`` nodes that the loaders read.

    Args:
        trained: the configuration of the pretraining; its data is the default.
        dataset: the name of the data set.
        train_path: the folder, file or files of the labelled training images.
        val_path: the folder, file or files of the validation images.
        batch_size: the number of images to encode at once.
        num_workers: the number of threads that load images.
        train_list: the list of the training images to take, ``""`` for all; see ``take_lists``.
        val_list: the list of the validation images to take, ``""`` for all.
        train_labels: the labels file of the training images; the default of ``train_path`` is its
            folder.
        val_labels: the labels file of the validation images; the default of ``val_path`` is its
            folder.
        source: ``source``, ``image_key`` and ``label_key`` of the images; the default is the
            training's if the images are.

    Raises:
        UserError: if there is no validation set.
    """
    default = trained.data
    if not (train_path or val_path or train_labels or val_labels):
        source = {**source_of(default), **(source or {})}
    if train_labels or val_labels:
        dataset = dataset or "custom"
        train_path = train_path or (str(Path(train_labels).parent) if train_labels else None)
        val_path = val_path or (str(Path(val_labels).parent) if val_labels else None)
    elif not (dataset or train_path or val_path):
        # The labels files of the checkpoint belong to its own images only.
        train_labels, val_labels = default.get("labels"), default.get("val_labels")
    data = {
        "format": "image_folder",
        "dataset": dataset or default.dataset,
        "train_path": train_path or default.train_path,
        "val_path": val_path or default.get("val_path"),
        "labels": train_labels,
        "val_labels": val_labels,
        "num_workers": default.num_workers if num_workers is None else num_workers,
        **(source or {}),
    }
    if data["val_path"] is None:
        raise UserError(
            "the checkpoint was trained without a validation set; name one with --val_data_path"
        )
    # The network knows images of its own channels and levels only.
    data |= reading_of(default)
    given = {"train_list": train_list, "val_list": val_list}
    data |= {key: value for key, value in given.items() if value is not None}
    cfg = OmegaConf.create({"data": data, "optimizer": {"batch_size": batch_size}})
    take_lists(cfg.data, default)
    return cfg


def source_of(data: DictConfig) -> dict[str, str]:
    """Return those of ``SOURCE_KEYS`` that a ``data`` node has."""
    values = {key: data.get(key) for key in SOURCE_KEYS}
    if data.get("format") == "h5":
        values["source"] = "h5"
    return {key: value for key, value in values.items() if value is not None}


def folder_cfg(
    dataset: str, folder: Path, num_workers: int, option: str = "--data", batch_size: int = 256
) -> DictConfig:
    """Build the configuration of an evaluation on ``folder/train`` and ``folder/val``.

    Args:
        dataset: the name of the data set, which decides how its images are resized and normalised.
        folder: the folder that holds ``train`` and ``val``. Each has class folders, or a file
            ``labels.csv`` if images have several labels.
        num_workers: the number of threads that load images.
        option: the option that names the folder, for the error.
        batch_size: the number of images to encode at once.

    Raises:
        UserError: if one of the two folders is missing, or only one of them has labels.
    """
    data = {
        "format": "image_folder",
        "dataset": dataset,
        "train_path": str(folder / "train"),
        "val_path": str(folder / "val"),
        "num_workers": num_workers,
        **labels_in(folder, option),
    }
    return OmegaConf.create({"data": data, "optimizer": {"batch_size": batch_size}})


def labels_in(folder: Path, option: str) -> dict[str, str]:
    """Return ``labels`` and ``val_labels`` of a folder with ``train`` and ``val``, if it has them.

    Args:
        folder: the folder.
        option: the option that names the folder, for the error.

    Raises:
        UserError: see ``folder_cfg``.
    """
    labels = {}
    for key, part in (("labels", "train"), ("val_labels", "val")):
        if not (folder / part).is_dir():
            raise UserError(
                f"{folder / part} is not there; {option} needs a folder that holds train and val"
            )
        if (folder / part / LABELS_FILE).is_file():
            labels[key] = str(folder / part / LABELS_FILE)
    if len(labels) == 1:
        there, missing = ("train", "val") if "labels" in labels else ("val", "train")
        raise UserError(
            f"{folder / there / LABELS_FILE} is there and {folder / missing / LABELS_FILE} is not; "
            "give both folders a labels file, or neither"
        )
    return labels


def take_lists(data: DictConfig, trained: DictConfig) -> None:
    """Set the evaluation's lists of images to those of the training, unless it has its own.

    Args:
        data: the evaluation's ``data`` node; changed in place. It gets the training's
            ``train_list`` if it has the same ``train_path`` and no ``train_list`` of its own. The
            same holds for ``val_list``.
        trained: the pretraining's ``data`` node.
    """
    for split in ("train", "val"):
        list_file = trained.get(f"{split}_list")
        folders = [node.get(f"{split}_path") for node in (data, trained)]
        same_folder = len({os.path.realpath(str(folder)) for folder in folders}) == 1
        if list_file and same_folder and f"{split}_list" not in data:
            OmegaConf.update(data, f"{split}_list", list_file, force_add=True)
