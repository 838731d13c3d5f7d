"""Pictures with boxes, and what can be wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.terminal import tell

# A box may reach so many pixels beyond its picture, because of roundings, and is cut there.
_ROUNDING = 1.0
# The name of a class, a box (left, top, right, bottom), and whether it is ignored.
Object = tuple[str, Sequence[float], bool]
# A picture's height and width, None if the annotation does not say them, and its objects.
Annotation = tuple[tuple[int, int] | None, list[Object]]

# The path of an image, the file with its annotation, and a function that reads that.
Entry = tuple[str, str, Callable[[], Annotation]]
_UNANNOTATED = "annotation files are not there"
_MISSING = "images are not there"
_UNKNOWN = "objects have a class that the data set does not have"
_OUTSIDE = "boxes lie outside of their picture"
_EMPTY = "boxes have no area and are left out"


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


def check_pictures(entries: Iterable[Entry], classes: Sequence[str], name: str) -> list[Picture]:
    """Read pictures, and collect what is wrong with them.

    Args:
        entries: the pictures.
        classes: the names of the classes.
        name: the set, for errors.

    Raises:
        UserError: see ``detection_sets.read_detection_set``.
    """
    problems: dict[str, list[str]] = defaultdict(list)
    pictures, taken = [], 0
    numbers = {label: i for i, label in enumerate(classes, start=1)}
    for path, annotation, read in entries:
        taken += 1
        try:
            size, objects = read()
        except FileNotFoundError:
            problems[_UNANNOTATED].append(annotation)
            continue
        except (ElementTree.ParseError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{annotation} is damaged: {one_line(error)}; mend it") from error
        if not Path(path).is_file():
            problems[_MISSING].append(path)
            continue
        size = size or _size_of(path)
        kept = []
        for shown, corners, ignored in objects:
            box, problem = _checked(corners, size)
            if shown not in numbers:
                problem = _UNKNOWN
            if problem is None:
                kept.append((box, numbers[shown], ignored))
            else:
                edges = ", ".join(f"{edge:g}" for edge in corners)
                problems[problem].append(f"{annotation} ({shown}, {edges})")
        pictures.append(
            Picture(
                path,
                size,
                np.array([box for box, _, _ in kept], np.float32).reshape(-1, 4),
                np.array([label for _, label, _ in kept], np.int64),
                np.array([ignored for _, _, ignored in kept], bool),
            )
        )
    for problem, remedy in (
        (_UNANNOTATED, "add them, or shorten the set"),
        (_MISSING, "add them, or shorten the set"),
        (_UNKNOWN, f"its classes are {', '.join(classes)}"),
        (_OUTSIDE, "mend or remove them"),
    ):
        if found := problems[problem]:
            raise UserError(f"{name}: {len(found)} {problem}, the first is {found[0]}; {remedy}")
    if found := problems[_EMPTY]:
        tell(f"{name}: {len(found)} {_EMPTY}, the first is {found[0]}")
    if all(picture.ignored.all() for picture in pictures):
        raise UserError(f"{name}: none of the {taken} pictures has an object; check the set")
    return pictures


def _checked(corners: Sequence[float], size: tuple[int, int]) -> tuple[np.ndarray, str | None]:
    """Return a box, cut to its picture, and what is wrong with it."""
    box, limits = np.array(corners, float), np.array(size[::-1] * 2, float)
    if not ((box >= -_ROUNDING) & (box <= limits + _ROUNDING)).all():
        return box, _OUTSIDE
    box = box.clip(0, limits)
    return box, _EMPTY if (box[2:] <= box[:2]).any() else None


def _size_of(path: str) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except OSError as error:
        raise UserError(f"{path} cannot be read: {one_line(error)}; mend or remove it") from error
