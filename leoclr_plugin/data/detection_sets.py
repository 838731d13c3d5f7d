"""Pictures with boxes around their objects, in the layouts of VOC and of COCO."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image
from tqdm import tqdm

from leoclr_plugin.data.multilabel_sets import VOC_CLASSES, categories, open_coco, open_voc
from leoclr_plugin.errors import UserError, one_line

# An annotation may reach so many pixels beyond its picture, because of roundings, and is cut there.
_ROUNDING = 1.0
_BAR_DELAY = 2.0  # seconds before a progress bar is shown
# A name of a class, a box (left, top, right, bottom), and whether it is ignored.
_Object = tuple[str, Sequence[float], bool]


@dataclass(frozen=True)
class Picture:
    """A picture and its n objects.

    Attributes:
        path: the image file.
        size: its height and width in pixels.
        boxes: ``[n, 4]`` float32, left, top, right and bottom in pixels; the first pixel reaches
            from 0 to 1.
        labels: the objects' classes ``[n]`` int64, counted from 1, because 0 is the background.
        ignored: ``[n]`` bool: VOC's difficult objects and COCO's crowds.
    """

    path: str
    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True)
class DetectionSet:
    """Pictures, and the names of the classes in the order of their labels."""

    pictures: list[Picture]
    classes: tuple[str, ...]


def read_detection_set(layout: str, root: Path, names: Sequence[str], key: str) -> DetectionSet:
    """Read the annotations of one or several sets; images are not decoded.

    A box without an area is left out, and a line on stderr says so.

    Args:
        layout: ``"voc"`` or ``"coco"``.
        root: the folder with ``VOCdevkit``, or with ``annotations`` and the images' folders.
        names: the sets, such as ``VOC2007/trainval`` or ``train2017``.
        key: the setting that names them, for errors.

    Raises:
        UserError: if a folder, a set or an annotation is missing or damaged, if images are missing,
            if a class is unknown, or if a box lies outside of its picture. It gives the number of
            such cases and the first of them.
    """
    inside = {"voc": "VOCdevkit", "coco": "annotations"}[layout]
    if not (root / inside).is_dir():
        raise UserError(
            f"{root} has not the {layout} layout: it holds no folder {inside}; name the folder "
            "that does, or change detection.layout"
        )
    parts = [{"voc": _voc, "coco": _coco}[layout](root, name, key) for name in names]
    classes = parts[0][0]
    for name, (others, _) in zip(names, parts, strict=True):
        if others != classes:
            raise UserError(f"{key}: {name} has other classes than {names[0]}; leave it out")
    reader = _Reader(classes, f"{key} of {root}")
    all_entries = [entry for _, entries in parts for entry in entries]
    title = f"Reading {', '.join(names)}"
    for path, annotation, read in tqdm(all_entries, desc=title, delay=_BAR_DELAY, leave=False):
        reader.take(path, annotation, read)
    return DetectionSet(reader.finish(), classes)


# A path of an image, the annotation that describes it, and a function that returns its size as
# (height, width), None if it is not known, and its objects.
_Entry = tuple[str, str, Callable[[], tuple[tuple[int, int] | None, list[_Object]]]]


def _voc(root: Path, name: str, key: str) -> tuple[tuple[str, ...], list[_Entry]]:
    folder, _, part = name.partition("/")
    try:
        dataset = open_voc(
            root, folder.removeprefix("VOC"), part, key, "write the set as VOC2007/trainval"
        )
    except ValueError as error:
        raise UserError(
            f"{key}: {name} is no set of VOC: {one_line(error)} Write it as VOC2007/trainval"
        ) from error
    return VOC_CLASSES, [
        (str(image), str(annotation), lambda path=annotation: _read_voc(path))
        for image, annotation in zip(dataset.images, dataset.annotations, strict=True)
    ]


def _read_voc(path: str) -> tuple[tuple[int, int] | None, list[_Object]]:
    root = ElementTree.parse(path).getroot()
    size = tuple(int(root.findtext(f"size/{side}", "0")) for side in ("height", "width"))
    objects = []
    for shown in root.findall("object"):
        left, top, right, bottom = (
            float(shown.findtext(f"bndbox/{edge}", "")) for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        # VOC counts pixels from 1, and its last pixel belongs to the box.
        box = (left - 1, top - 1, right, bottom)
        difficult = shown.findtext("difficult", "0").strip() == "1"
        objects.append((shown.findtext("name", ""), box, difficult))
    return size if all(size) else None, objects


def _coco(root: Path, name: str, key: str) -> tuple[tuple[str, ...], list[_Entry]]:
    path = root / "annotations" / f"instances_{name}.json"
    try:
        dataset = open_coco(root, name, key)
        names = {category["id"]: category["name"] for category in categories(dataset)}
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged, or not in COCO's format: {one_line(error)}") from error

    def read(number: int) -> tuple[tuple[int, int] | None, list[_Object]]:
        image = dataset.coco.imgs[number]
        size = (image.get("height"), image.get("width"))
        objects = []
        for annotation in dataset.coco.imgToAnns[number]:
            left, top, width, height = annotation["bbox"]
            box = (left, top, left + width, top + height)
            shown = annotation["category_id"]
            objects.append((names.get(shown, shown), box, bool(annotation.get("iscrowd"))))
        return size if all(size) else None, objects

    entries: list[_Entry] = []
    for number in dataset.ids:
        file = str(root / name / dataset.coco.imgs[number]["file_name"])
        entries.append((file, f"{path}, image {number}", lambda number=number: read(number)))
    return tuple(names.values()), entries


class _Reader:
    """Checks pictures and collects what is wrong with them."""

    def __init__(self, classes: Sequence[str], name: str) -> None:
        self._numbers = {label: i for i, label in enumerate(classes, start=1)}
        self._name = name
        self._pictures: list[Picture] = []
        self._missing: list[str] = []
        self._unannotated: list[str] = []
        self._unknown: list[str] = []
        self._outside: list[str] = []
        self._empty: list[str] = []
        self._taken = 0

    def take(self, path: str, annotation: str, read: Callable[[], Any]) -> None:
        self._taken += 1
        try:
            size, objects = read()
        except FileNotFoundError:
            self._unannotated.append(annotation)
            return
        except (ElementTree.ParseError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{annotation} is damaged: {one_line(error)}; mend it") from error
        if not Path(path).is_file():
            self._missing.append(path)
            return
        size = size or _size_of(path)
        kept = list(self._checked(annotation, size, objects))
        self._pictures.append(
            Picture(
                path,
                size,
                np.array([box for box, _, _ in kept], np.float32).reshape(-1, 4),
                np.array([label for _, label, _ in kept], np.int64),
                np.array([ignored for _, _, ignored in kept], bool),
            )
        )

    def _checked(
        self, annotation: str, size: tuple[int, int], objects: list[_Object]
    ) -> Iterator[tuple[np.ndarray, int, bool]]:
        height, width = size
        limits = np.array([width, height] * 2, float)
        for shown, corners, ignored in objects:
            box = np.array(corners, float)
            words = f"{annotation} ({shown}, {', '.join(f'{edge:g}' for edge in box)})"
            if shown not in self._numbers:
                self._unknown.append(words)
                continue
            if not ((box >= -_ROUNDING) & (box <= limits + _ROUNDING)).all():
                self._outside.append(words)
                continue
            box = box.clip(0, limits)
            if (box[2:] <= box[:2]).any():
                self._empty.append(words)
                continue
            yield box, self._numbers[shown], ignored

    def finish(self) -> list[Picture]:
        for found, what, remedy in (
            (self._unannotated, "annotation files are not there", "add them, or shorten the set"),
            (self._missing, "images are not there", "add them, or shorten the set"),
            (
                self._unknown,
                "objects have a class that the data set does not have",
                f"its classes are {', '.join(self._numbers)}; COCO's layout can have any",
            ),
            (self._outside, "boxes lie outside of their picture", "mend or remove them"),
        ):
            if found:
                raise UserError(
                    f"{self._name}: {len(found)} {what}, the first is {found[0]}; {remedy}"
                )
        if self._empty:
            print(
                f"{self._name}: {len(self._empty)} boxes have no area and are left out, the first "
                f"is {self._empty[0]}",
                file=sys.stderr,
            )
        if all(picture.ignored.all() for picture in self._pictures):
            raise UserError(
                f"{self._name}: none of the {self._taken} pictures has an object; check the set"
            )
        return self._pictures


def _size_of(path: str) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except OSError as error:
        raise UserError(f"{path} cannot be read: {one_line(error)}; mend or remove it") from error
