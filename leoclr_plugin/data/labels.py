"""Labels of pictures that show several things: a CSV file with one row for each image."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.system.files import read_text

UNKNOWN = -1
_IMAGE = "image"
_VALUES = {"0": 0, "1": 1, "": UNKNOWN}
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class LabelTable:
    """The labels of some images.

    Attributes:
        path: the file that they were read from.
        classes: names of the classes.
        rows: for each image file, by its path with the links of the table's folder resolved, the
            labels ``[C]`` int8: 1 where the image shows the class, 0 where it does not, -1 where
            that is not known.
    """

    path: Path
    classes: tuple[str, ...]
    rows: dict[str, np.ndarray]


def read_classes(path: Path) -> tuple[str, ...]:
    """Read the names of the classes from the header of a labels file.

    Raises:
        UserError: where the file is not there, is empty or has another header.
    """
    with io.StringIO(_text_of(path)) as lines:
        return _check_header(next(csv.reader(lines)), path)


def read_labels(path: Path, classes: Sequence[str] | None = None) -> LabelTable:
    """Read a labels file: a header ``image,<class>,...``, then one row for each image.

    Args:
        path: the CSV file. A label is 1, 0, or empty where it is not known; an image's path is
            relative to the file's folder.
        classes: the names that the columns must have, in the order that is wanted; None takes
            the file's own.

    Raises:
        UserError: for a file that is not there or has no row, other separators, another header,
            a label that is none of these, an image that has two rows, and other classes.
    """
    with io.StringIO(_text_of(path)) as lines:
        reader = csv.reader(lines)
        header = _check_header(next(reader), path)
        order = _order(header, classes, path)
        rows: dict[str, np.ndarray] = {}
        folder = path.parent.resolve()
        for fields in reader:
            if not fields:
                continue
            if len(fields) != 1 + len(header):
                raise UserError(
                    f"{path}, line {reader.line_num}: {len(fields)} fields, but the header has "
                    f"{1 + len(header)}; give each row an image and a label for each class"
                )
            try:
                labels = np.array([_VALUES[field.strip()] for field in fields[1:]], np.int8)
            except KeyError as error:
                raise _bad_label(fields, header, path, reader.line_num) from error
            image = os.path.normpath(folder / fields[0].strip())
            if image in rows:
                raise UserError(
                    f"{path}, line {reader.line_num}: {fields[0]} has a row already; give each "
                    "image one row"
                )
            rows[image] = labels[order]
    if not rows:
        raise UserError(f"{path} has a header but no row; add a row for each image")
    return LabelTable(path, tuple(header[i] for i in order), rows)


def tell_classes_without_positive(table: LabelTable) -> None:
    """Say on stderr which classes no image of the table shows: they cannot be learned or scored."""
    shown = (np.stack(list(table.rows.values())) == 1).any(axis=0)
    empty = [name for name, positive in zip(table.classes, shown, strict=True) if not positive]
    if empty:
        print(
            f"{table.path}: no image shows {', '.join(empty)}; averages leave out such classes",
            file=sys.stderr,
        )


def _text_of(path: Path) -> str:
    try:
        text = read_text(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"the labels file {path} is not there") from error
    if text.startswith(_BYTE_ORDER_MARK):
        print(f"{path} begins with a byte order mark, which is left out", file=sys.stderr)
        text = text.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip():
        raise UserError(f"the labels file {path} is empty; its header is image,<class>,...")
    return text


def _check_header(header: list[str], path: Path) -> tuple[str, ...]:
    first, *classes = (name.strip() for name in header)
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if not classes and separator in first:
            raise UserError(f"{path} separates its columns by {name}; write it with commas")
    if first != _IMAGE or not classes:
        raise UserError(f"{path} begins with {','.join(header)!r}; its header is image,<class>,...")
    if "" in classes:
        raise UserError(f"{path}: column {classes.index('') + 2} has no name; name its class")
    twice = [name for i, name in enumerate(classes) if name in classes[:i]]
    if twice:
        raise UserError(f"{path} has two columns for {twice[0]}; give each class one column")
    return tuple(classes)


def _order(header: Sequence[str], classes: Sequence[str] | None, path: Path) -> list[int]:
    if classes is None:
        return list(range(len(header)))
    lacking = [name for name in classes if name not in header]
    if lacking:
        raise UserError(
            f"{path} has no column for the class {lacking[0]}, which the training labels have"
            f"{suggestion(lacking[0], header)}"
        )
    more = [name for name in header if name not in classes]
    if more:
        raise UserError(
            f"{path} has a column for the class {more[0]}, which the training labels do not have"
            f"{suggestion(more[0], classes)}"
        )
    return [header.index(name) for name in classes]


def _bad_label(fields: list[str], header: Sequence[str], path: Path, line: int) -> UserError:
    name, text = next(
        (name, text)
        for name, text in zip(header, fields[1:], strict=True)
        if text.strip() not in _VALUES
    )
    return UserError(
        f"{path}, line {line}, column {name}: {text!r}; a label is 1, 0, or empty where it is not "
        "known"
    )
