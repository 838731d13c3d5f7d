"""Data sets under solo-learn's names, for pretraining (views) and for evaluation (one image)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset, Subset
from torchvision import datasets as tv

from leoclr_plugin.config.check import check_part
from leoclr_plugin.data.dali import require_dali
from leoclr_plugin.data.images import EXTENSIONS, list_images, listing, open_rgb
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.files import read_text

_SPLIT_SEED = 42


class UnlabelledFolder(Dataset):
    """All images under a folder, each with the target -1.

    Attributes:
        samples: pairs (path, -1).
        targets: -1 for each image.
    """

    def __init__(self, root: str | Path, transform: Callable | None) -> None:
        self.samples = [(str(path), -1) for path in list_images(Path(root))]
        self.targets = [-1] * len(self.samples)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, target = self.samples[index]
        return self.transform(open_rgb(path)), target


class WithIndex(Dataset):
    """A data set whose items are ``(index, item, target)``, as the host's batches want them."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[int, Any, int]:
        image, target = self.dataset[index]
        return index, image, target


def build_pretrain_dataset(data: DictConfig, transform: Callable | None) -> Dataset:
    """Build the training set of a pretraining run.

    Args:
        data: the ``data`` node: ``dataset``, ``train_path``, ``no_labels``, ``fraction`` (of the
            images to use, in (0, 1); -1 for all), ``format``, and optionally ``download``.
        transform: from a PIL image to its views; None where only the files are wanted.

    Returns:
        Items ``(index, views, target)``; stl10 is its labelled and its unlabelled part.

    Raises:
        UserError: for an unknown data set or format, or data that is not there.
    """
    split = "train+unlabeled" if data.dataset == "stl10" else "train"
    return WithIndex(build_dataset(data, split, transform))


def build_dataset(data: DictConfig, split: str, transform: Callable | None) -> Dataset:
    """Build one split of a data set: items ``(transform(image), target)``.

    Args:
        data: the ``data`` node of the configuration; its ``fraction`` is of the training images
            alone, the same share of every class, and its ``num_classes``, where there is one, is
            how many the classifier has.
        split: ``"train"``, ``"val"`` or, for stl10, ``"train+unlabeled"``.
        transform: of a PIL image; None where only the files are wanted.

    Raises:
        UserError: for an unknown data set or format, data that is not there or of more classes
            than the data set has, and a fraction that leaves a class without an image.
    """
    check_part("data", data)
    if data.get("format") == "dali":
        require_dali()
    dataset = _whole_dataset(data, split, transform)
    fraction = data.get("fraction", -1)
    if split == "val" or fraction == -1:
        return dataset
    labels = list(dataset.targets if hasattr(dataset, "targets") else dataset.labels)
    stratify = None if data.get("no_labels", False) else labels
    try:
        kept, _ = train_test_split(
            range(len(dataset)), train_size=fraction, stratify=stratify, random_state=_SPLIT_SEED
        )
    except ValueError as error:  # too few images, of a class or in all
        message = one_line(error).rstrip(".")
        raise UserError(
            f"data.fraction={fraction} of {len(dataset)} images: {message}; take more of them"
        ) from error
    return Subset(dataset, kept)


def _whole_dataset(data: DictConfig, split: str, transform: Callable | None) -> Dataset:
    name, download = data.dataset, data.get("download", False)
    root = Path(data.val_path if split == "val" else data.train_path)
    if name in ("cifar10", "cifar100"):
        make = tv.CIFAR10 if name == "cifar10" else tv.CIFAR100
        return _torchvision(make, root, download, train=split != "val", transform=transform)
    if name == "stl10":
        split = "test" if split == "val" else split
        return _torchvision(tv.STL10, root, download, split=split, transform=transform)
    if name == "imagenette" and download and not root.is_dir():
        _download_imagenette(root)
    labelled = not data.get("no_labels", False)
    dataset = _folder(root, transform, labelled)
    if split == "val" and labelled:
        _number_as_in(Path(data.train_path), dataset)
    key = "val_list" if split == "val" else "train_list"
    if data.get(key):
        _keep_listed(dataset, root, Path(data[key]), f"data.{key}")
    classes = data.get("num_classes", math.inf)
    if max(dataset.targets) >= classes:
        raise UserError(
            f"{root} has {len(dataset.classes)} class folders, and data.dataset={name} {classes} "
            "classes; set data.dataset=custom, whose classes are counted"
        )
    return dataset


def samples_of(dataset: Dataset) -> list[tuple[str, int]]:
    """The pairs (path, target) of a data set of image files, in the order of its indexes."""
    if isinstance(dataset, WithIndex):
        return samples_of(dataset.dataset)
    if isinstance(dataset, Subset):
        samples = samples_of(dataset.dataset)
        return [samples[i] for i in dataset.indices]
    return list(dataset.samples)


def _keep_listed(dataset: Any, root: Path, listed: Path, key: str) -> None:
    if not listed.is_file():
        raise UserError(f"{key}={listed} is not a file; leoclr check-data --write-list makes one")
    wanted = {str(root / line) for line in read_text(listed).split("\n")}
    dataset.samples = [sample for sample in dataset.samples if sample[0] in wanted]
    dataset.targets = [target for _, target in dataset.samples]
    if not dataset.samples:
        raise UserError(f"{key}={listed} names no image under {root}; list that folder")


def _torchvision(make: Callable[..., Dataset], root: Path, download: bool, **kwargs: Any) -> Any:
    try:
        return make(root, download=download, **kwargs)
    except RuntimeError as error:
        raise UserError(
            f"{make.__name__} is not in {root} (or is damaged): {error}; "
            "data.download=True fetches it"
        ) from error


def _download_imagenette(root: Path) -> None:
    if not hasattr(tv, "Imagenette"):
        raise UserError("downloading imagenette needs torchvision >= 0.17; install a newer one")
    archives = {"imagenette2": "full", "imagenette2-320": "320px", "imagenette2-160": "160px"}
    name = root.parent.name
    if name not in archives:
        raise UserError(
            f"data.download=True makes a folder imagenette2-160 (or imagenette2-320, imagenette2), "
            f"but the path is {root}; write .../imagenette2-160/{root.name}"
        )
    tv.Imagenette(root.parents[1], split=root.name, size=archives[name], download=True)


def _folder(root: Path, transform: Callable | None, labelled: bool) -> Dataset:
    if not root.is_dir():
        raise UserError(f"the data folder {root} is not there; set data.train_path, data.val_path")
    if not labelled:
        dataset = UnlabelledFolder(root, transform)
        if not len(dataset):
            raise UserError(f"the data folder {root} holds no image ({', '.join(EXTENSIONS)})")
        return dataset
    if not any(entry.is_dir() for entry in root.iterdir()):
        found = len(list_images(root))
        if not found:
            raise UserError(f"the data folder {root} is empty")
        raise UserError(
            f"the data folder {root} has {found} images but no class folders; put them into one "
            "folder a class, or set data.no_labels=True"
        )
    with listing(root) as bar:

        def is_image(path: str) -> bool:
            bar.update()
            return path.lower().endswith(EXTENSIONS)

        try:
            return tv.ImageFolder(root, transform, loader=open_rgb, is_valid_file=is_image)
        except FileNotFoundError as error:
            endings = ", ".join(EXTENSIONS)
            reason = one_line(error)
            raise UserError(f"the data folder {root}: {reason} Images end in {endings}") from error


def _number_as_in(train: Path, dataset: tv.ImageFolder) -> None:
    # A class is a number, its folder's place among those of its split: where the validation set
    # lacks one, all after it would be taken for others.
    if not train.is_dir():
        return
    names = sorted(entry.name for entry in train.iterdir() if entry.is_dir())
    unknown = sorted(set(dataset.classes) - set(names))
    if unknown:
        raise UserError(
            f"{len(unknown)} class folders of {dataset.root} are not in {train}, the first is "
            f"{unknown[0]}; make them the same, or train with data.val_path=null"
        )
    numbers = [names.index(name) for name in dataset.classes]
    dataset.samples = [(path, numbers[target]) for path, target in dataset.samples]
    dataset.targets = [target for _, target in dataset.samples]
