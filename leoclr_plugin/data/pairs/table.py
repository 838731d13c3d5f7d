"""Files of pairs: a row for each image and partner, as CSV or Parquet."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leoclr_plugin.errors import UserError, one_line, suggestion
from leoclr_plugin.system.csv_cells import csv_lines, text_of
from leoclr_plugin.system.files import open_text

COLUMNS = ("image", "partner", "score", "kind", "weight")
_NEEDED = COLUMNS[:2]
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class PairTable:
    """Pairs as a file has them.

    Attributes:
        images: the name of each pair's image. In a CSV file it may have spaces around it, which
            ``places.full_name`` removes if they are not part of the name.
        partners: the name of its partner.
        weights: the weight ``[P]`` with which the partner is drawn among those of the image.
        scores: the similarity ``[P]`` in [-1, 1]; NaN if it is unknown.
        kinds: what kind of pair each is; empty strings without the column.
    """

    images: list[str]
    partners: list[str]
    weights: np.ndarray
    scores: np.ndarray
    kinds: list[str]

    def __len__(self) -> int:
        return len(self.images)


def read_pairs(path: Path) -> PairTable:
    """Read a file of pairs.

    Args:
        path: a CSV file with a header, or a Parquet file. It has the columns ``image`` and
            ``partner``, and optionally ``score``, ``kind`` and ``weight``. An image may have
            several rows.

    Raises:
        UserError: if the file is missing, damaged or empty, lacks a column, has an unknown one, an
            empty name, or a score or weight out of its range.
    """
    if not path.is_file():
        raise UserError(f"the pairs file {path} is not there; set data.pairs.file")
    read = _read_parquet if path.suffix in PARQUET else _read_csv
    columns = read(path)
    count = len(columns["image"])
    if not count:
        raise UserError(f"{path} has no pair; add a row for each image and partner")
    for name in _NEEDED:
        rows = enumerate(columns[name], start=1)
        empty = [row for row, text in rows if not (isinstance(text, str) and text.strip())]
        if empty:
            raise UserError(f"{path}, pair {empty[0]}: the {name} has no name; correct the row")
    weights = _numbers(path, columns, "weight", 1.0, 0, math.inf, count)
    return PairTable(
        columns["image"],
        columns["partner"],
        weights,
        _numbers(path, columns, "score", math.nan, -1, 1, count),
        [str(kind) for kind in columns.get("kind", [""] * count)],
    )


def _read_csv(path: Path) -> dict[str, list[str]]:
    with open_text(path, newline="") as lines, _readable(path):
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if len(header) == 1 and separator in header[0]:
                raise UserError(f"{path} separates its columns by {name}; use commas")
        _check_header(path, header)
        columns: dict[str, list[str]] = {name: [] for name in header}
        for fields in reader:
            if not "".join(fields).strip():
                continue
            if len(fields) != len(header):
                raise UserError(
                    f"{path}, line {reader.line_num}: {len(fields)} fields, but the header has "
                    f"{len(header)}"
                )
            for name, field in zip(header, fields, strict=True):
                columns[name].append(text_of(field) if name in _NEEDED else text_of(field.strip()))
    return columns


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise UserError(f"{path} is no CSV file, or damaged: {error}; write it again") from error


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(
            'reading Parquet needs pyarrow; run: pip install "leoclr-plugin[embed]"'
        ) from error
    try:
        table = pq.read_table(path)
        columns = {name: table[name].to_pylist() for name in set(table.column_names)}
    # A damaged text is no UTF-8, and a damaged file may name a column twice.
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        raise UserError(f"{path} is damaged: {one_line(error)}; write it again") from error
    _check_header(path, table.column_names)
    return {
        name: ["" if value is None else value for value in values]
        for name, values in columns.items()
    }


def _check_header(path: Path, header: Sequence[str]) -> None:
    lacking = [name for name in _NEEDED if name not in header]
    if lacking:
        raise UserError(
            f"{path} lacks the column {lacking[0]}; its header must have image and partner"
        )
    for name in header:
        if name not in COLUMNS:
            raise UserError(f"{path}: {name} is not a column{suggestion(name, COLUMNS)}")
    if len(set(header)) < len(header):
        raise UserError(f"{path} has a column twice; give each column its own name")


def _numbers(
    path: Path,
    columns: dict[str, list[Any]],
    name: str,
    default: float,
    low: float,
    high: float,
    count: int,
) -> np.ndarray:
    numbers = np.full(count, default)
    for row, value in enumerate(columns.get(name, ())):
        if value == "":
            continue
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            numbers[row] = math.nan
        if not (low <= numbers[row] <= high and math.isfinite(numbers[row])):
            limits = f"from {low} to {high}" if math.isfinite(high) else f"of at least {low}"
            raise UserError(
                f"{path}, pair {row + 1}: {name}={one_line(value)} must be a number {limits}"
            )
    return numbers


def write_pairs(
    path: Path,
    rows: Iterable[tuple[str, str, float]],
    weights: Sequence[float] | None = None,
    kinds: Sequence[str] | None = None,
) -> None:
    """Write pairs with their scores as CSV, or as Parquet if the path ends so.

    Args:
        path: the file to write.
        rows: the image, the partner and the score of each pair; NaN if the score is unknown.
        weights: the weight of each pair; None leaves the column out.
        kinds: the kind of each pair; None leaves the column out.
    """
    from leoclr_plugin.system.files import whole_file

    columns = dict(zip(COLUMNS, ([], [], []), strict=False))
    for row in rows:
        for values, value in zip(columns.values(), row, strict=True):
            values.append(value)
    columns["score"] = [None if math.isnan(score) else score for score in columns["score"]]
    if kinds is not None:
        columns["kind"] = list(kinds)
    if weights is not None:
        columns["weight"] = list(weights)
    with whole_file(path) as part:
        if path.suffix in PARQUET:
            import pyarrow as pa
            import pyarrow.parquet as pq

            with part.open("wb") as file:
                pq.write_table(pa.table(columns), file)
            return
        columns["score"] = ["" if score is None else f"{score:.6f}" for score in columns["score"]]
        with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.writelines(csv_lines([columns]))
            file.writelines(csv_lines(zip(*columns.values(), strict=True)))
