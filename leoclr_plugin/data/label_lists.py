"""Lists of the labelled images of semi-supervised learning, such as 1 % of a data set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.data.datasets import class_names, named_train_images
from leoclr_plugin.data.lists import write_list
from leoclr_plugin.errors import UserError

_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_PER_CLASS = re.compile(r"(\d+)-per-class")
# The seed is fixed, so every method and every seed of a training gets the same images.
_SEED = 0


def take_labels(data: DictConfig, labels: str, folder: Path) -> str:
    """List the labelled images of a training in a file, and let the training take only these.

    Every call with the same labels and images lists the same images, whatever is trained. The
    images of a smaller share are part of those of a larger share.

    Args:
        data: the ``data`` node of a configuration; its ``train_list`` is set, and its ``fraction``
            reset, which the listed images have been drawn from.
        labels: ``"1%"`` or another share of each class, ``"N-per-class"``, or the path of a list.
        folder: the folder that the list is written to, as ``labels-<description>.txt``.

    Returns:
        The description of the labels in file names: ``"1-percent"``, ``"4-per-class"``, or the
        list's name without its ending.

    Raises:
        UserError: if the labels are none of these, the list is not one of the training images, or
            the images are in an archive or too few.
    """
    share, number = _SHARE.fullmatch(labels), _PER_CLASS.fullmatch(labels)
    if share:
        description = f"{share[1]}-percent"
        names = _share(data, float(share[1]) / 100, labels)
    elif number:
        description = labels
        names = _number_per_class(data, int(number[1]), labels)
    elif Path(labels).is_file():
        description = Path(labels).stem
        listed = OmegaConf.merge(data, {"train_list": labels})
        names = [name for name, _ in named_train_images(listed)]
    else:
        raise UserError(
            f"--labels {labels} is not a file, a share such as 1% or a number such as 4-per-class"
        )
    path = folder / f"labels-{description}.txt"
    write_list(path, sorted(names))
    data.train_list = str(path)
    # The list is already drawn from this fraction of the images.
    data.fraction = -1
    return description


def _share(data: DictConfig, share: float, labels: str) -> list[str]:
    if not 0 < share <= 1:
        raise UserError(f"--labels {labels} must be above 0% and at most 100%")
    parts = [_shuffled(names) for names in _names_by_class(data)]
    return [name for names in parts for name in names[: max(1, round(share * len(names)))]]


def _number_per_class(data: DictConfig, number: int, labels: str) -> list[str]:
    if class_names(data):
        raise UserError(f"--labels {labels} needs one class for each image; use a share such as 1%")
    classes = _names_by_class(data)
    smallest = min(classes, key=len)
    if not 1 <= number <= len(smallest):
        raise UserError(
            f"--labels {labels} must be from 1 to {len(smallest)}, the number of images of the "
            f"smallest class, which has {smallest[0]}"
        )
    return [name for names in classes for name in _shuffled(names)[:number]]


def _names_by_class(data: DictConfig) -> list[list[str]]:
    """Return the names of each class's images; images with several labels count as one class."""
    several_labels = class_names(data) is not None
    classes = defaultdict(list)
    for name, target in named_train_images(data):
        classes[0 if several_labels else target].append(name)
    return list(classes.values())


def _shuffled(names: Sequence[str]) -> list[str]:
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(_SEED))
    # The order of a folder's listing has no influence.
    in_order = sorted(names)
    return [in_order[i] for i in order.tolist()]
