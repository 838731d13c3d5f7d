"""Public data sets of images with several labels, in the layouts that torchvision reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from torchvision import datasets as tv
from torchvision.models.segmentation import FCN_ResNet50_Weights

from leoclr_plugin.data.annotation_xml import read_annotation
from leoclr_plugin.data.download import downloading, made_whole
from leoclr_plugin.data.labels import UNKNOWN
from leoclr_plugin.errors import UserError, one_line

# The first category is the background.
VOC_CLASSES = tuple(FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"][1:])
# The usual sets for training and testing. VOC 2012 has no public labels of its test set.
_VOC_SPLITS = {
    "voc2007": {"train": "trainval", "val": "test"},
    "voc2012": {"train": "train", "val": "val"},
}
Samples = list[tuple[str, np.ndarray]]


def read_multilabel_set(
    name: str, root: Path, split: str, download: bool
) -> tuple[Samples, tuple[str, ...]]:
    """List the images of a public data set with their labels.

    Args:
        name: one of ``config.datasets.MULTILABEL_SETS``.
        root: the folder with ``VOCdevkit``, or with COCO's ``train2017``, ``val2017`` and
            ``annotations``.
        split: ``"train"`` or ``"val"``. For VOC 2007 these are the sets trainval and test.
        download: whether to download VOC if it is missing.

    Returns:
        Pairs of an image's path and its labels ``[C]`` int8, and the names of the classes. As in
        VOC's protocol, a label is -1 if all objects of the class in the image are marked as
        difficult.

    Raises:
        UserError: if the data set is missing, or pycocotools is not installed.
    """
    if name == "coco":
        return _coco(root, split)
    return _voc(root, name, split, download)


@lru_cache
def multilabel_classes(name: str, root: Path) -> tuple[str, ...]:
    """Return the names of the classes of one of ``MULTILABEL_SETS``, in the order of its labels."""
    if name == "coco":
        dataset = open_coco(root, "train2017", "data.dataset=coco")
        return tuple(category["name"] for category in categories(dataset))
    return VOC_CLASSES


def _voc(root: Path, name: str, split: str, download: bool) -> tuple[Samples, tuple[str, ...]]:
    with downloading(name, root):
        dataset = open_voc(
            root,
            name.removeprefix("voc"),
            _VOC_SPLITS[name][split],
            f"data.dataset={name}",
            "name the folder of VOCdevkit, or fetch it with +data.download=True",
            download,
        )
    number = {label: i for i, label in enumerate(VOC_CLASSES)}
    samples = []
    for image, annotation in zip(dataset.images, dataset.annotations, strict=True):
        try:
            samples.append((str(image), _voc_labels(annotation, number)))
        except (ElementTree.ParseError, ValueError) as error:
            raise UserError(f"{annotation} is damaged: {one_line(error)}; mend it") from error
    return samples, VOC_CLASSES


def _voc_labels(annotation: str, number: Mapping[str, int]) -> np.ndarray:
    labels = np.zeros(len(number), np.int8)
    for shown in read_annotation(annotation).iter("object"):
        name = shown.findtext("name")
        if name not in number:
            raise ValueError(f"{name!r} is no class of VOC")
        column = number[name]
        if shown.findtext("difficult", "0").strip() != "1":
            labels[column] = 1
        elif labels[column] == 0:
            labels[column] = UNKNOWN
    return labels


def open_voc(
    root: Path, year: str, part: str, key: str, remedy: str, download: bool = False
) -> tv.VOCDetection:
    """Open a set of one of VOC's years.

    Args:
        root: the folder with ``VOCdevkit``.
        year: from 2007 to 2012.
        part: the name of the set, such as ``trainval``.
        key: the setting that names the set, for the error.
        remedy: what the user can do if the set is missing, for the error.
        download: whether to download the year if it is missing.

    Raises:
        UserError: if the set is missing.
    """
    return _open(
        lambda: made_whole(
            lambda folder, fetch: tv.VOCDetection(folder, year, part, download=fetch),
            root,
            download,
        ),
        f"{key}: {root} does not hold VOCdevkit/VOC{year} with its {part} set",
        remedy,
    )


def _coco(root: Path, split: str) -> tuple[Samples, tuple[str, ...]]:
    dataset = open_coco(root, f"{split}2017", "data.dataset=coco")
    shown = categories(dataset)
    number = {category["id"]: i for i, category in enumerate(shown)}
    samples = []
    for image in dataset.ids:
        labels = np.zeros(len(shown), np.int8)
        for annotation in dataset.coco.imgToAnns[image]:
            labels[number[annotation["category_id"]]] = 1
        path = Path(dataset.root, dataset.coco.imgs[image]["file_name"])
        samples.append((str(path), labels))
    return samples, tuple(category["name"] for category in shown)


def open_coco(root: Path, name: str, key: str) -> tv.CocoDetection:
    """Open a set in COCO's layout.

    Args:
        root: the folder with the images' folder ``<name>`` and ``annotations``.
        name: the name of the set, such as ``train2017``.
        key: the setting that names the set, for the error.

    Raises:
        UserError: if the set is missing, or pycocotools is not installed.
    """
    if not find_spec("pycocotools"):
        raise UserError(f'{key} needs pycocotools; run: pip install "leoclr-plugin[coco]"')
    annotations = root / "annotations" / f"instances_{name}.json"
    return _open(
        lambda: tv.CocoDetection(root / name, annotations),
        f"{key}: {annotations} is not there",
        f"name the folder that holds annotations and {name}",
    )


def categories(dataset: tv.CocoDetection) -> list[dict[str, Any]]:
    """Return the classes of a set in COCO's layout in the order of their ids."""
    return sorted(dataset.coco.cats.values(), key=lambda category: category["id"])


def _open(make: Callable[[], Any], missing: str, remedy: str) -> Any:
    try:
        # pycocotools prints messages, and stdout is for the results of a command.
        with redirect_stdout(sys.stderr):
            return make()
    except (FileNotFoundError, RuntimeError) as error:
        raise UserError(f"{missing}; {remedy}") from error
