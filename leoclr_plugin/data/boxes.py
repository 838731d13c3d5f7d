"""Pictures with boxes, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


class PictureReader:
    """Checks pictures one by one and collects what is wrong with them."""

    def __init__(self, classes: Sequence[str], name: str) -> None:
        """Begin without a picture.

        Args:
            classes: the names of the classes.
            name: the set, for errors.
        """
        self._numbers = {label: i for i, label in enumerate(classes, start=1)}
        self._name = name
        self._pictures: list[Picture] = []
        self._missing: list[str] = []
        self._unannotated: list[str] = []
        self._unknown: list[str] = []
        self._outside: list[str] = []
        self._empty: list[str] = []
        self._taken = 0

    def take(self, path: str, annotation: str, read: Callable[[], Annotation]) -> None:
        """Check a picture.

        Args:
            path: the image file.
            annotation: the file with the annotation, for errors.
            read: reads the annotation.

        Raises:
            UserError: if the annotation is damaged.
        """
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
        self, annotation: str, size: tuple[int, int], objects: list[Object]
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
        """Return all pictures.

        Raises:
            UserError: see ``detection_sets.read_detection_set``.
        """
        for found, what, remedy in (
            (self._unannotated, "annotation files are not there", "add them, or shorten the set"),
            (self._missing, "images are not there", "add them, or shorten the set"),
            (
                self._unknown,
                "objects have a class that the data set does not have",
                f"its classes are {', '.join(self._numbers)}",
            ),
            (self._outside, "boxes lie outside of their picture", "mend or remove them"),
        ):
            if found:
                raise UserError(
                    f"{self._name}: {len(found)} {what}, the first is {found[0]}; {remedy}"
                )
        if self._empty:
            tell(
                f"{self._name}: {len(self._empty)} boxes have no area and are left out, the first "
                f"is {self._empty[0]}",
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
