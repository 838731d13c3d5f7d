"""Labels of images that show several classes: a CSV file with one row for each image."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.system.files import open_text
from leoclr_plugin.terminal import tell

UNKNOWN = -1
_IMAGE = "image"
# pandas writes a column with unknown labels as numbers with a point.
_VALUES = {"0": 0, "1": 1, "": UNKNOWN, "0.0": 0, "1.0": 1}


@dataclass(frozen=True)
class LabelTable:
    """The labels of some images.

    Attributes:
        path: the file with the labels.
        classes: the names of the classes.
        rows: the labels ``[C]`` int8 of each image by its path: 1 if the image shows the class, 0
            if it does not, -1 if this is unknown. In the path, links of the table's folder are
            resolved.
    """

    path: Path
    classes: tuple[str, ...]
    rows: dict[str, np.ndarray]


def read_classes(path: Path) -> tuple[str, ...]:
    """Read the names of the classes from the header of a labels file.

    Raises:
        UserError: if the file is missing or empty, or has another header.
    """
    with closing(_read_rows(path)) as rows:
        return _read_header(rows, path)


def read_labels(path: Path, classes: Sequence[str] | None = None) -> LabelTable:
    """Read a labels file: a header ``image,<class>,...``, then one row for each image.

    Args:
        path: the CSV file. A label is 1, 0, or empty if it is unknown. The path of an image is
            relative to the file's folder.
        classes: the names that the columns must have, in the order of the result; None keeps the
            names and the order of the file.

    Raises:
        UserError: if the file is missing or has no row, has other separators, another header or
            other classes, or if it has another value as a label or two rows for an image.
    """
    rows: dict[str, np.ndarray] = {}
    folder = path.parent.resolve()
    with closing(_read_rows(path)) as read:
        header = _read_header(read, path)
        order = _order(header, classes, path)
        for line, fields in read:
            if len(fields) != 1 + len(header):
                raise UserError(
                    f"{path}, line {line}: {len(fields)} fields, but the header has "
                    f"{1 + len(header)}; give each row an image and a label for each class"
                )
            try:
                labels = np.array([_VALUES[field.strip()] for field in fields[1:]], np.int8)
            except KeyError as error:
                raise _bad_label(fields, header, path, line) from error
            image = os.path.normpath(folder / fields[0].strip())
            if image in rows:
                raise UserError(
                    f"{path}, line {line}: {fields[0]} has a row already; give each image one row"
                )
            rows[image] = labels[order]
    if not rows:
        raise UserError(f"{path} has a header but no row; add a row for each image")
    return LabelTable(path, tuple(header[i] for i in order), rows)


def tell_classes_without_positive(table: LabelTable) -> None:
    """Report the classes that no image shows on stderr: they cannot be learned or scored."""
    shown = (np.stack(list(table.rows.values())) == 1).any(axis=0)
    empty = [name for name, positive in zip(table.classes, shown, strict=True) if not positive]
    if empty:
        tell(
            f"{table.path}: no image shows {', '.join(empty)}; averages leave out such classes",
        )


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line and its fields, without the lines that have no text."""
    try:
        lines = open_text(path, newline="")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"the labels file {path} is not there") from error
    with lines:
        reader = csv.reader(lines)
        try:
            for fields in reader:
                if "".join(fields).strip():
                    yield reader.line_num, fields
        except csv.Error as error:
            raise UserError(
                f"{path}, line {reader.line_num}: {error}; the file is no CSV file, or damaged"
            ) from error


def _read_header(rows: Iterator[tuple[int, list[str]]], path: Path) -> tuple[str, ...]:
    _, header = next(rows, (0, None))
    if header is None:
        raise UserError(f"the labels file {path} is empty; begin it with image,<class>,...")
    first, *classes = (name.strip() for name in header)
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if not classes and separator in first:
            raise UserError(f"{path} separates its columns by {name}; use commas")
    if first != _IMAGE or not classes:
        raise UserError(
            f"{path} begins with {','.join(header)!r}, but its header must be image,<class>,..."
        )
    if "" in classes:
        raise UserError(f"{path}: column {classes.index('') + 2} has no name; name its class")
    repeated = [name for i, name in enumerate(classes) if name in classes[:i]]
    if repeated:
        raise UserError(f"{path} has two columns for {repeated[0]}; give each class one column")
    return tuple(classes)


def _order(header: Sequence[str], classes: Sequence[str] | None, path: Path) -> list[int]:
    if classes is None:
        return list(range(len(header)))
    missing = [name for name in classes if name not in header]
    if missing:
        raise UserError(
            f"{path} has no column for the class {missing[0]}, which the training labels have"
            f"{suggestion(missing[0], header)}"
        )
    unknown = [name for name in header if name not in classes]
    if unknown:
        raise UserError(
            f"{path} has a column for the class {unknown[0]}, which the training labels do not have"
            f"{suggestion(unknown[0], classes)}"
        )
    return [header.index(name) for name in classes]


def _bad_label(fields: list[str], header: Sequence[str], path: Path, line: int) -> UserError:
    name, text = next(
        (name, text)
        for name, text in zip(header, fields[1:], strict=True)
        if text.strip() not in _VALUES
    )
    return UserError(
        f"{path}, line {line}, column {name}: {text!r}; a label is 1, 0, or empty if it is unknown"
    )
