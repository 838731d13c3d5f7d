"""The data sets with solo-learn's names, for pretraining and for evaluation."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset
from torchvision import datasets as tv

from leoclr_plugin.config.check import check_part
from leoclr_plugin.config.datasets import ARCHIVES, MULTILABEL_SETS
from leoclr_plugin.data.download import downloading, made_whole
from leoclr_plugin.data.images import list_images
from leoclr_plugin.data.labels import (
    UNKNOWN,
    LabelTable,
    read_classes,
    read_labels,
    tell_classes_without_positive,
)
from leoclr_plugin.data.lists import keep_listed
from leoclr_plugin.data.multilabel_sets import multilabel_classes, read_multilabel_set
from leoclr_plugin.data.pairs.build import without_partners
from leoclr_plugin.data.stored import Images, part_of
from leoclr_plugin.data.stores.files import FileStore, check_folders
from leoclr_plugin.data.stores.opening import (
    FOLDER,
    H5,
    class_names_in,
    is_folder,
    kind_of,
    open_store,
    paths_of,
    shown,
)
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.terminal import tell

_SPLIT_SEED = 42
_IMAGENET100 = 100


def build_pretrain_dataset(data: DictConfig) -> Dataset:
    """Build the training set of a pretraining run.

    Args:
        data: the ``data`` node: ``dataset``, ``train_path``, ``no_labels``, ``fraction`` (of the
            images to use, in (0, 1); -1 for all), ``format``, and optionally ``download``.

    Returns:
        A data set as ``build_dataset`` returns it. For stl10 it has the labelled and the
        unlabelled images. Images without a row in ``data.labels`` have unknown labels.

    Raises:
        UserError: if the data set or format is unknown, or the data is missing.
    """
    return build_dataset(data, "train+unlabeled")


def class_names(data: DictConfig) -> tuple[str, ...] | None:
    """Return the names of the classes if images have several labels, and None otherwise.

    Args:
        data: the ``data`` node. The names are those of the labels file ``data.labels``, or of
            ``data.val_labels`` if the training images have no labels file.
    """
    if data.get("no_labels", False):
        return None
    if data.dataset in MULTILABEL_SETS:
        return multilabel_classes(data.dataset, Path(data.train_path))
    path = data.get("labels") or data.get("val_labels")
    return read_classes(Path(path)) if path else None


def take_number_of_classes(data: DictConfig) -> bool:
    """Set ``data.num_classes`` where the hosts would count all folders as classes.

    Returns:
        Whether images have several labels.
    """
    names = class_names(data)
    if names:
        data.num_classes = len(names)
    elif data.dataset == "custom":
        # Without classes the classifier still needs one.
        unlabelled = data.get("no_labels", False)
        data.num_classes = max(1, 0 if unlabelled else len(class_names_in(data, "train")))
    return bool(names)


def check_data_is_there(data: DictConfig) -> None:
    """Check that the training images of ``data.dataset=custom`` are there, before any work.

    Raises:
        UserError: if a folder or file is missing.
    """
    if data.dataset == "custom" and kind_of(data, "train") == FOLDER:
        check_folders(paths_of(data.train_path))


def build_dataset(data: DictConfig, split: str) -> Dataset:
    """Build one split of a data set; ``data.sources`` reads its images.

    Args:
        data: the ``data`` node of the configuration. ``fraction`` applies to the training images
            only and takes the same share of every class. ``num_classes``, if it is set, is the
            classifier's number of classes.
        split: ``"train"``, ``"val"``, or ``"train+unlabeled"`` for pretraining.

    Returns:
        ``Images``, without those that ``data.pairs.suffixes`` makes partners; or a data set of
        torchvision's archives, whose items are (PIL image, target) and which may be within torch's
        ``Subset``.

    Raises:
        UserError: if the data set or format is unknown, the data is missing or has more classes
            than the data set, or the fraction leaves a class without an image.
    """
    check_part("data", data)
    dataset = _whole_dataset(data, split)
    if isinstance(dataset, Images):
        dataset = without_partners(dataset, data)
    fraction = data.get("fraction", -1)
    if split == "val" or fraction == -1:
        return dataset
    labels = list(dataset.targets if hasattr(dataset, "targets") else dataset.labels)
    # Images with several labels have too many combinations of labels to keep the share of each.
    several_labels = isinstance(dataset, Images) and dataset.several_labels
    has_classes = not data.get("no_labels", False) and not several_labels
    stratify = labels if has_classes else None
    try:
        kept, _ = train_test_split(
            range(len(dataset)), train_size=fraction, stratify=stratify, random_state=_SPLIT_SEED
        )
    except ValueError as error:
        message = one_line(error).rstrip(".")
        raise UserError(
            f"data.fraction={fraction} of {len(dataset)} images: {message}; each class needs an "
            "image among those that are taken and among those that are left, so choose another "
            "fraction or leave it out"
        ) from error
    return part_of(dataset, kept)


def _whole_dataset(data: DictConfig, split: str) -> Dataset:
    name, download = data.dataset, data.get("download", False)
    if name in (*ARCHIVES, *MULTILABEL_SETS):
        return _published(data, split)
    part = "val" if split == "val" else "train"
    in_one_folder = is_folder(data, part)
    root = Path(paths_of(data[f"{part}_path"])[0]) if in_one_folder else Path()
    if name == "imagenette" and in_one_folder and not root.is_dir():
        if not download:
            raise UserError(
                f"the data folder {root} is not there; set data.train_path and data.val_path, or "
                "data.download=True to fetch it"
            )
        _download_imagenette(root)
    labelled = not data.get("no_labels", False)
    if labelled and (data.get("labels") or data.get("val_labels")):
        dataset = _labelled_by_file(data, root, split)
    else:
        store = open_store(data, part, labelled)
        dataset = Images(store, store.labels, store.classes)
        if split == "val" and labelled:
            dataset = _numbered_as_in_training(data, dataset)
    dataset = _listed(data, dataset, root, part)
    if name == "imagenet100" and kind_of(data, part) == H5:
        _check_imagenet100(data, part)
    if dataset.several_labels:
        return _check_unlabelled(dataset, root, split)
    classes = data.get("num_classes", math.inf)
    if dataset.targets.max() >= classes:
        raise UserError(
            f"{shown(data[f'{part}_path'])} has {len(dataset.classes)} class folders, and "
            f"data.dataset={name} {classes} classes; set data.dataset=custom, which counts the "
            "class folders"
        )
    return dataset


def _check_imagenet100(data: DictConfig, part: str) -> None:
    # solo-learn picks the 100 classes out of a file of all classes.
    classes, path = len(class_names_in(data, part)), shown(data[f"{part}_path"])
    if classes != _IMAGENET100:
        raise UserError(
            f"{path} has {classes} classes, and data.dataset=imagenet100 has {_IMAGENET100}; write "
            "a file with the groups of these classes alone"
        )


def _published(data: DictConfig, split: str) -> Dataset:
    name, download = data.dataset, data.get("download", False)
    part = "val" if split == "val" else "train"
    root = Path(data[f"{part}_path"])
    if name in ("cifar10", "cifar100"):
        make = tv.CIFAR10 if name == "cifar10" else tv.CIFAR100
        return _torchvision(make, root, download, train=split != "val")
    if name == "stl10":
        split = "test" if split == "val" else split
        return _torchvision(tv.STL10, root, download, split=split)
    samples, classes = read_multilabel_set(name, root, part, download)
    dataset = _of_samples(samples, classes)
    if data.get("no_labels", False):
        return _listed(data, Images(dataset.store), root, part)
    return _check_unlabelled(_listed(data, dataset, root, part), root, split)


def _listed(data: DictConfig, dataset: Images, root: Path, part: str) -> Images:
    key = f"{part}_list"
    return keep_listed(dataset, root, Path(data[key]), f"data.{key}") if data.get(key) else dataset


def _of_samples(samples: Sequence[tuple[str, np.ndarray]], classes: Sequence[str]) -> Images:
    store = FileStore.of_paths([path for path, _ in samples])
    return Images(store, np.stack([labels for _, labels in samples]), classes)


def named_train_images(data: DictConfig) -> list[tuple[str, Any]]:
    """Return the training images of a ``data`` node as pairs (name, target).

    The names are those of lists: the paths under ``data.train_path`` if it is one folder.

    Raises:
        UserError: see ``build_dataset``; and if the data set is an archive.
    """
    dataset = build_dataset(data, "train")
    if data.dataset in ARCHIVES:
        raise UserError(
            f"data.dataset={data.dataset} is an archive, whose images cannot be listed; use a data "
            "set of image files"
        )
    return [(list_name(data, path), target) for path, target in dataset.samples]


def list_name(data: Mapping[str, Any], name: str) -> str:
    """Return how lists name an image of the training: in one folder, by its path under it."""
    if data.get("dataset") not in MULTILABEL_SETS and not is_folder(data, "train"):
        return name
    return str(Path(name).relative_to(paths_of(data["train_path"])[0]))


def _labelled_by_file(data: DictConfig, root: Path, split: str) -> Images:
    key, other = ("val_labels", "labels") if split == "val" else ("labels", "val_labels")
    if not data.get(key):
        raise UserError(
            f"data.{other} is given and data.{key} is not; name a labels file for "
            f"{'the validation images, or set data.val_path=null' if split == 'val' else root}"
        )
    part = "val" if split == "val" else "train"
    if not is_folder(data, part):
        raise UserError(
            f"data.{key}={data[key]} is for images in one folder; leave it out, because "
            f"{shown(data[f'{part}_path'])} brings its own labels"
        )
    check_folders([root])
    # The training labels determine the numbers of the classes, because the columns of the
    # validation labels may have another order.
    known = read_classes(Path(data.labels)) if split == "val" and data.get("labels") else None
    table = read_labels(Path(data[key]), known)
    samples = _pair_with_images(table, root, f"data.{key}")
    tell_classes_without_positive(table)
    return _of_samples(samples, table.classes)


def _pair_with_images(table: LabelTable, root: Path, key: str) -> list[tuple[str, np.ndarray]]:
    resolved = root.resolve()
    images = {str(resolved / path.relative_to(root)): str(path) for path in list_images(root)}
    missing = [image for image in table.rows if image not in images]
    if missing:
        first = os.path.relpath(missing[0], table.path.parent.resolve())
        raise UserError(
            f"{key}={table.path}: {len(missing)} of {len(table.rows)} images are not under {root}, "
            f"the first is {first}; correct their paths, which are relative to the file's folder, "
            "or remove their rows"
        )
    unknown = np.full(len(table.classes), UNKNOWN, np.int8)
    return [(path, table.rows.get(image, unknown)) for image, path in images.items()]


def _check_unlabelled(dataset: Images, root: Path, split: str) -> Images:
    unlabelled = np.flatnonzero((dataset.targets == UNKNOWN).all(axis=1))
    if not len(unlabelled):
        return dataset
    message = (
        f"{len(unlabelled)} of {len(dataset)} images under {root} have no labels, the first is "
        f"{dataset.name(unlabelled[0])}"
    )
    if split != "train+unlabeled":
        key = "val_list" if split == "val" else "train_list"
        raise UserError(
            f"{message}; add their rows to the labels file, or list the labelled images in a file "
            f"and name it with data.{key}"
        )
    tell(f"{message}; they are trained on without labels")
    return dataset


def _torchvision(make: Callable[..., Dataset], root: Path, download: bool, **kwargs: Any) -> Any:
    try:
        with downloading(make.__name__, root):
            return made_whole(
                lambda folder, fetch: make(folder, download=fetch, **kwargs), root, download
            )
    except RuntimeError as error:
        raise UserError(
            f"{make.__name__} is missing in {root} or damaged: {error}; "
            "data.download=True fetches it"
        ) from error


def _download_imagenette(root: Path) -> None:
    if not hasattr(tv, "Imagenette"):
        raise UserError("downloading imagenette needs torchvision >= 0.17; install a newer one")
    archives = {"imagenette2": "full", "imagenette2-320": "320px", "imagenette2-160": "160px"}
    name = root.parent.name
    if name not in archives:
        raise UserError(
            "data.download=True makes a folder imagenette2-160, imagenette2-320 or imagenette2, "
            f"but the path is {root}; write .../imagenette2-160/{root.name}"
        )
    with downloading(name, root.parents[1]):
        made_whole(
            lambda folder, fetch: tv.Imagenette(folder, root.name, archives[name], fetch),
            root.parents[1],
            download=True,
        )


def _numbered_as_in_training(data: DictConfig, dataset: Images) -> Images:
    # Each split numbers its own classes. If the validation set lacks a class, the numbers of all
    # later classes would differ from those of the training.
    train = paths_of(data.train_path)
    if kind_of(data, "train") == FOLDER and not all(Path(path).is_dir() for path in train):
        return dataset
    names = class_names_in(data, "train")
    unknown = sorted(set(dataset.classes) - set(names))
    if unknown:
        raise UserError(
            f"{len(unknown)} class folders of {shown(data.val_path)} are not in {shown(train)}, "
            f"the first is {unknown[0]}; make them the same, or train with data.val_path=null"
        )
    numbers = np.array([names.index(name) for name in dataset.classes])
    return Images(dataset.store, numbers[dataset.targets], dataset.classes)
