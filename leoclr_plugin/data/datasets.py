"""The data sets with solo-learn's names, for pretraining and for evaluation."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset, Subset
from torchvision import datasets as tv

from leoclr_plugin.config.check import check_part
from leoclr_plugin.config.datasets import MULTILABEL_SETS
from leoclr_plugin.data.download import downloading
from leoclr_plugin.data.images import EXTENSIONS, class_folders, list_images, walk_images
from leoclr_plugin.data.labels import (
    UNKNOWN,
    LabelTable,
    read_classes,
    read_labels,
    tell_classes_without_positive,
)
from leoclr_plugin.data.lists import keep_listed
from leoclr_plugin.data.multilabel_sets import multilabel_classes, read_multilabel_set
from leoclr_plugin.errors import UserError, one_line

_SPLIT_SEED = 42


class UnlabelledImages(Dataset):
    """Images without labels.

    Attributes:
        samples: pairs (path, -1).
        targets: -1 for each image.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.samples = [(str(path), -1) for path in paths]
        self.targets = [-1] * len(self.samples)

    def __len__(self) -> int:
        return len(self.samples)


class MultilabelImages(Dataset):
    """Images that may show several classes.

    Attributes:
        samples: pairs (path, labels ``[C]`` int8); a label is 1, 0, or -1 if it is unknown.
        targets: the labels of each image.
        classes: the names of the classes.
    """

    def __init__(self, samples: Sequence[tuple[str, np.ndarray]], classes: Sequence[str]) -> None:
        self.samples, self.classes = list(samples), tuple(classes)
        self.targets = [labels for _, labels in samples]

    def __len__(self) -> int:
        return len(self.samples)


class LabelledFolder(tv.ImageFolder):
    """torchvision's data set of class folders, with the files that ``walk_images`` finds.

    Raises:
        UserError: if a class folder has no image, or a link would list images twice.
    """

    @staticmethod
    def find_classes(directory: Path) -> tuple[list[str], dict[str, int]]:
        """Return the names of the classes and their numbers; torchvision calls this."""
        names = class_folders(directory)
        return names, {name: number for number, name in enumerate(names)}

    @staticmethod
    def make_dataset(
        directory: Path, class_to_idx: dict[str, int], *args: Any, **kwargs: Any
    ) -> list[tuple[str, int]]:
        """Return the pairs (path, class) in torchvision's order; torchvision calls this."""
        folders = [walked for walked in walk_images(directory) if walked[0] is not None]
        samples = [
            (f"{folder}{os.sep}{name}", class_to_idx[label])
            for label, folder, names in sorted(folders)
            for name in sorted(names)
        ]
        empty = class_to_idx.keys() - {label for label, _, names in folders if names}
        if empty:
            raise UserError(
                f"the data folder {directory} has {len(empty)} class folders without an image, the "
                f"first is {min(empty)}; images end in {', '.join(EXTENSIONS)}"
            )
        return samples


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
        # Without class folders the classifier still needs a class.
        data.num_classes = max(1, len(class_folders(Path(data.train_path))))
    return bool(names)


def build_dataset(data: DictConfig, split: str) -> Dataset:
    """Build one split of a data set; ``data.sources`` reads its images.

    Args:
        data: the ``data`` node of the configuration. ``fraction`` applies to the training images
            only and takes the same share of every class. ``num_classes``, if it is set, is the
            classifier's number of classes.
        split: ``"train"``, ``"val"``, or ``"train+unlabeled"`` for pretraining.

    Returns:
        A data set of image files has ``samples``, pairs (path, target), and torchvision's archives
        have items (PIL image, target). Either may be within torch's ``Subset``.

    Raises:
        UserError: if the data set or format is unknown, the data is missing or has more classes
            than the data set, or the fraction leaves a class without an image.
    """
    check_part("data", data)
    dataset = _whole_dataset(data, split)
    fraction = data.get("fraction", -1)
    if split == "val" or fraction == -1:
        return dataset
    labels = list(dataset.targets if hasattr(dataset, "targets") else dataset.labels)
    # Images with several labels have too many combinations of labels to keep the share of each.
    has_classes = not data.get("no_labels", False) and not isinstance(dataset, MultilabelImages)
    stratify = labels if has_classes else None
    try:
        kept, _ = train_test_split(
            range(len(dataset)), train_size=fraction, stratify=stratify, random_state=_SPLIT_SEED
        )
    except ValueError as error:
        # There are too few images in a class or in total.
        message = one_line(error).rstrip(".")
        raise UserError(
            f"data.fraction={fraction} of {len(dataset)} images: {message}; take more of them"
        ) from error
    return Subset(dataset, kept)


def _whole_dataset(data: DictConfig, split: str) -> Dataset:
    name, download = data.dataset, data.get("download", False)
    root = Path(data.val_path if split == "val" else data.train_path)
    if name in ("cifar10", "cifar100"):
        make = tv.CIFAR10 if name == "cifar10" else tv.CIFAR100
        return _torchvision(make, root, download, train=split != "val")
    if name == "stl10":
        split = "test" if split == "val" else split
        return _torchvision(tv.STL10, root, download, split=split)
    if name == "imagenette" and not root.is_dir():
        if not download:
            raise UserError(
                f"the data folder {root} is not there; set data.train_path and data.val_path, or "
                "data.download=True to fetch it"
            )
        _download_imagenette(root)
    labelled = not data.get("no_labels", False)
    part = "val" if split == "val" else "train"
    if name in MULTILABEL_SETS:
        samples, classes = read_multilabel_set(name, root, part, download)
        dataset = MultilabelImages(samples, classes)
        if not labelled:
            dataset = UnlabelledImages([path for path, _ in samples])
    elif labelled and (data.get("labels") or data.get("val_labels")):
        dataset = _labelled_by_file(data, root, split)
    else:
        dataset = _folder(root, labelled)
        if split == "val" and labelled:
            _number_classes_as_in(Path(data.train_path), dataset)
    if data.get(f"{part}_list"):
        keep_listed(dataset, root, Path(data[f"{part}_list"]), f"data.{part}_list")
    if isinstance(dataset, MultilabelImages):
        _check_unlabelled(dataset, root, split)
        return dataset
    classes = data.get("num_classes", math.inf)
    if max(dataset.targets) >= classes:
        raise UserError(
            f"{root} has {len(dataset.classes)} class folders, and data.dataset={name} {classes} "
            "classes; set data.dataset=custom, which counts the class folders"
        )
    return dataset


def samples_of(dataset: Dataset) -> list[tuple[str, int]]:
    """Return the pairs (path, target) of a data set of image files, in the order of its indexes."""
    if isinstance(dataset, Subset):
        samples = samples_of(dataset.dataset)
        return [samples[i] for i in dataset.indices]
    return list(dataset.samples)


def _labelled_by_file(data: DictConfig, root: Path, split: str) -> MultilabelImages:
    key, other = ("val_labels", "labels") if split == "val" else ("labels", "val_labels")
    if not data.get(key):
        raise UserError(
            f"data.{other} is given and data.{key} is not; name a labels file for "
            f"{'the validation images, or set data.val_path=null' if split == 'val' else root}"
        )
    if not root.is_dir():
        raise UserError(f"the data folder {root} is not there; set data.train_path, data.val_path")
    # The training labels determine the numbers of the classes, because the columns of the
    # validation labels may have another order.
    known = read_classes(Path(data.labels)) if split == "val" and data.get("labels") else None
    table = read_labels(Path(data[key]), known)
    samples = _pair_with_images(table, root, f"data.{key}")
    tell_classes_without_positive(table)
    return MultilabelImages(samples, table.classes)


def _pair_with_images(table: LabelTable, root: Path, key: str) -> list[tuple[str, np.ndarray]]:
    resolved, given = str(root.resolve()), str(root)
    images = {f"{resolved}{str(path)[len(given) :]}": str(path) for path in list_images(root)}
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


def _check_unlabelled(dataset: MultilabelImages, root: Path, split: str) -> None:
    unlabelled = [path for path, labels in dataset.samples if (labels == UNKNOWN).all()]
    if not unlabelled:
        return
    message = (
        f"{len(unlabelled)} of {len(dataset)} images under {root} have no labels, the first is "
        f"{unlabelled[0]}"
    )
    if split != "train+unlabeled":
        key = "val_list" if split == "val" else "train_list"
        raise UserError(
            f"{message}; add their rows to the labels file, or list the labelled images in a file "
            f"and name it with data.{key}"
        )
    print(f"{message}; they are trained on without labels", file=sys.stderr)


def _torchvision(make: Callable[..., Dataset], root: Path, download: bool, **kwargs: Any) -> Any:
    try:
        with downloading(make.__name__, root):
            return make(root, download=download, **kwargs)
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
        tv.Imagenette(root.parents[1], split=root.name, size=archives[name], download=True)


def _folder(root: Path, labelled: bool) -> Dataset:
    if not root.is_dir():
        raise UserError(f"the data folder {root} is not there; set data.train_path, data.val_path")
    if not labelled:
        dataset = UnlabelledImages(list_images(root))
        if not len(dataset):
            raise UserError(f"the data folder {root} holds no image ({', '.join(EXTENSIONS)})")
        return dataset
    if not class_folders(root):
        count = len(list_images(root))
        if not count:
            raise UserError(f"the data folder {root} is empty")
        raise UserError(
            f"the data folder {root} has {count} images but no class folders; put the images of "
            "each class into a folder of its own, or set data.no_labels=True"
        )
    return LabelledFolder(root)


def _number_classes_as_in(train: Path, dataset: tv.ImageFolder) -> None:
    # torchvision numbers the class folders of each split. If the validation set lacks a class, the
    # numbers of all later classes would differ from those of the training.
    if not train.is_dir():
        return
    names = class_folders(train)
    unknown = sorted(set(dataset.classes) - set(names))
    if unknown:
        raise UserError(
            f"{len(unknown)} class folders of {dataset.root} are not in {train}, the first is "
            f"{unknown[0]}; make them the same, or train with data.val_path=null"
        )
    numbers = [names.index(name) for name in dataset.classes]
    dataset.samples = [(path, numbers[target]) for path, target in dataset.samples]
    dataset.targets = [target for _, target in dataset.samples]
