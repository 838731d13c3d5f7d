"""The data sets that features are transferred to, with the splits that the field uses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import ConcatDataset, Dataset, Subset
from torchvision import datasets as tv

from leoclr_plugin.data.datasets import build_dataset, class_names
from leoclr_plugin.data.download import made_whole
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.loaders import source_loader
from leoclr_plugin.data.sources import Source, build_source, item_source
from leoclr_plugin.data.views import MeanAndStd, val_view
from leoclr_plugin.errors import UserError, one_line, suggestion
from leoclr_plugin.evaluation.data import folder_cfg
from leoclr_plugin.evaluation.features import Features, extract_features

TOP1, MEAN_PER_CLASS, MAP = "top-1", "mean per class", "mAP"
_SPLIT_SEED = 0
# The literature trains on 30 images of each class of Caltech-101, and tests on the others.
_CALTECH_TRAIN = 30
# EuroSAT is usually trained on 80 % of the images of each class.
_EUROSAT_TRAIN = 0.8


@dataclass(frozen=True)
class Split:
    """Images in a fixed order, and where a loader reads them."""

    dataset: Dataset
    source: Source

    def __len__(self) -> int:
        return len(self.dataset)


@dataclass(frozen=True)
class TransferSet:
    """A data set to transfer features to.

    Attributes:
        name: the data set as the user names it.
        kind: the name that decides how its images are resized, see ``data.views.val_view``.
        metric: ``TOP1``, ``MEAN_PER_CLASS`` or ``MAP``.
        train: all training images, those of the validation part too.
        test: the images that the figure is measured on.
        validation: the indexes in ``train`` of the official validation part; None without one.
        classes: the names of the classes if images have several labels, and None otherwise.
    """

    name: str
    kind: str
    metric: str
    train: Split
    test: Split
    validation: np.ndarray | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Published:
    """How torchvision's class of a data set is asked for its splits.

    Attributes:
        make: the class.
        metric: the data set's own metric.
        train: the arguments for the training images.
        test: the arguments for the test images.
        validation: the arguments for the official validation part, if there is one.
    """

    make: Callable[..., Any]
    metric: str
    train: Mapping[str, Any]
    test: Mapping[str, Any]
    validation: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Drawn:
    """A data set without official splits, which are drawn with a fixed seed.

    Attributes:
        make: torchvision's class.
        metric: the data set's own metric.
        targets: the attribute of the class that holds the class of each image.
        train_images: the number of training images among the n images of a class.
    """

    make: Callable[..., Any]
    metric: str
    targets: str
    train_images: Callable[[int], int]


_TRAIN, _VAL, _TEST = ({"split": split} for split in ("train", "val", "test"))
_SETS: dict[str, _Published | _Drawn] = {
    "caltech101": _Drawn(tv.Caltech101, MEAN_PER_CLASS, "y", lambda n: _CALTECH_TRAIN),
    "flowers102": _Published(tv.Flowers102, MEAN_PER_CLASS, _TRAIN, _TEST, _VAL),
    "pets": _Published(tv.OxfordIIITPet, MEAN_PER_CLASS, {"split": "trainval"}, _TEST),
    # The first of DTD's ten official splits is torchvision's default, and that of the literature.
    "dtd": _Published(tv.DTD, TOP1, _TRAIN, _TEST, _VAL),
    "food101": _Published(tv.Food101, TOP1, _TRAIN, _TEST),
    "aircraft": _Published(tv.FGVCAircraft, MEAN_PER_CLASS, _TRAIN, _TEST, _VAL),
    "cifar10": _Published(tv.CIFAR10, TOP1, {"train": True}, {"train": False}),
    "cifar100": _Published(tv.CIFAR100, TOP1, {"train": True}, {"train": False}),
    "stl10": _Published(tv.STL10, TOP1, _TRAIN, _TEST),
    "eurosat": _Drawn(tv.EuroSAT, TOP1, "targets", lambda n: round(_EUROSAT_TRAIN * n)),
}
TRANSFER_SETS = tuple(_SETS)


def open_transfer_set(
    name: str, root: Path, download: bool, threads: int, levels: Levels | None = None
) -> TransferSet:
    """Open a data set of ``TRANSFER_SETS``, or a folder with ``train`` and ``val``.

    Args:
        name: the data set's name, or the path of the folder.
        root: the folder that holds the named data sets in torchvision's layouts.
        download: whether to fetch a named data set that is missing.
        threads: the number of threads that read images.
        levels: how the network's training read levels; None for RGB of 8 bits.

    Raises:
        UserError: if the name is unknown, the data set is missing or damaged, or it is published
            and the network does not take RGB of 8 bits.
    """
    if name in _SETS:
        if levels is not None:
            raise UserError(
                f"--datasets: {name} has RGB images of 8 bits, and the network was trained with "
                "data.channels or data.range; name a folder of such images"
            )
        known = _SETS[name]
        if isinstance(known, _Drawn):
            return _drawn(name, known, root, download)
        return _published(name, known, root, download)
    folder = Path(name)
    if not folder.is_dir():
        raise UserError(
            f"--datasets: {name} is neither a data set nor a folder{suggestion(name, _SETS)}"
        )
    cfg = folder_cfg("custom", folder, threads, "--datasets")
    train, test = (
        _files(build_dataset(cfg.data, split), threads, levels) for split in ("train", "val")
    )
    classes = class_names(cfg.data)
    return TransferSet(name, "custom", MAP if classes else TOP1, train, test, classes=classes)


def set_features(
    method: nn.Module,
    data: TransferSet,
    size: tuple[int, int],
    mean_and_std: MeanAndStd,
    batch_size: int,
    threads: int,
    source: object,
) -> list[Features]:
    """Encode the training and the test images of a data set.

    Args:
        method: one of the host's methods.
        data: the data set, which decides how an image is resized and cropped.
        size: the height and width of the images in pixels.
        mean_and_std: the normalisation of the network's own training. It knows no other one.
        batch_size: the number of images to encode at once.
        threads: the number of threads that load images.
        source: the checkpoint of the method, for error messages.
    """
    view = replace(val_view(data.kind, size), mean_and_std=mean_and_std)
    features = []
    for part, title in ((data.train, "training"), (data.test, "test")):
        loader = source_loader(part.dataset, part.source, view, batch_size, threads)
        features += extract_features(
            method, loader, ["backbone"], f"{data.name}, {title} images", source
        )
    return features


def split_by_class(
    targets: Sequence[int] | np.ndarray, count: Callable[[int], int]
) -> tuple[np.ndarray, np.ndarray]:
    """Split images into two parts that share every class, the same ones at every call.

    Args:
        targets: the class of each image ``[N]``.
        count: the number of images of the first part among the n images of a class.

    Returns:
        The sorted indexes of the first and of the second part.
    """
    # The numbers of RandomState are the same in every version of numpy.
    random = np.random.RandomState(_SPLIT_SEED)
    targets = np.asarray(targets)
    first = []
    for number in np.unique(targets):
        images = random.permutation(np.flatnonzero(targets == number))
        first.append(images[: count(len(images))])
    chosen = np.sort(np.concatenate(first))
    return chosen, np.setdiff1d(np.arange(len(targets)), chosen)


def _published(name: str, known: _Published, root: Path, download: bool) -> TransferSet:
    train, test = (
        _make(name, known.make, root, download, arguments)
        for arguments in (known.train, known.test)
    )
    validation = None
    if known.validation is not None:
        part = _make(name, known.make, root, download, known.validation)
        validation = len(train) + np.arange(len(part))
        train = ConcatDataset([train, part])
    return TransferSet(
        name, name, known.metric, _items(train, name), _items(test, name), validation
    )


def _drawn(name: str, known: _Drawn, root: Path, download: bool) -> TransferSet:
    dataset = _make(name, known.make, root, download, {})
    parts = split_by_class(getattr(dataset, known.targets), known.train_images)
    train, test = (_items(Subset(dataset, part.tolist()), name) for part in parts)
    return TransferSet(name, name, known.metric, train, test)


def _make(
    name: str,
    make: Callable[..., Any],
    root: Path,
    download: bool,
    arguments: Mapping[str, Any],
) -> Any:
    missing = (
        f"{name} is missing in {root}, or incomplete; --download fetches it, and --data names "
        "another folder"
    )
    if not (download or root.is_dir()):
        raise UserError(missing)
    try:
        # torchvision prints messages, and stdout is for the results of a command.
        with redirect_stdout(sys.stderr):
            return made_whole(
                lambda folder, fetch: make(folder, download=fetch, **arguments), root, download
            )
    except MemoryError:
        raise
    # A damaged copy or a server that does not answer can raise almost any kind of error.
    except Exception as error:
        if make is tv.Caltech101:
            # torchvision makes its folder before it looks for the images.
            with suppress(OSError):
                (root / "caltech101").rmdir()
        if download:
            raise UserError(
                f"{name} cannot be fetched to {root}: {one_line(error)}; try again, or put it "
                "there by hand"
            ) from error
        raise UserError(missing) from error


def _items(dataset: Dataset, name: str) -> Split:
    return Split(dataset, item_source(dataset, name))


def _files(dataset: Dataset, threads: int, levels: Levels | None) -> Split:
    return Split(dataset, build_source(dataset, 0, threads, levels))
