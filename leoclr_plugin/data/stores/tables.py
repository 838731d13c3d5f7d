"""Images in a column of Parquet and Arrow files, and of the Hugging Face hub's data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from leoclr_plugin.data.images import unreadable
from leoclr_plugin.data.stores.store import number
from leoclr_plugin.errors import UserError, one_line, suggestion

HUB = "hf:"


class TableStore:
    """The images of a column, see ``Store``; the library ``datasets`` maps the table into memory.

    ``datasets`` reads Parquet once and keeps it as Arrow in its cache folder, where each row can be
    read by itself.
    """

    are_files = False

    def __init__(
        self,
        table: Any,
        files: Sequence[tuple[str, int]],
        image_key: str | None,
        label_key: str | None,
        labelled: bool,
    ) -> None:
        """Find the columns.

        Args:
            table: a ``datasets.Dataset``.
            files: the name of each file and its number of rows.
            image_key: the column of the images; None if there is only one.
            label_key: the column of the labels; None for the classes, or the column ``label``.
            labelled: whether labels are asked for.

        Raises:
            UserError: if a column is missing or has values of another kind, or there is no row.
        """
        self._files = [name for name, _ in files]
        self._starts = np.cumsum([0, *(rows for _, rows in files)])[:-1]
        where = self._files[0]
        if not len(table):
            raise UserError(f"{where} has no row; name a file with images")
        self._column = _image_column(table, image_key, where)
        self.labels, self.classes = None, ()
        if labelled:
            self.labels, self.classes = _labels(table, label_key, where)
        # In Arrow's own format an image stays encoded.
        self._images = table.select_columns([self._column]).with_format("arrow")
        with _naming(Path(where), "Parquet or Arrow", on_disk=False):
            # Places of texts beyond the file's end would end the process without a word.
            self._images.data.table.validate(full=True)

    def __len__(self) -> int:
        return len(self._images)

    def name(self, index: int) -> str:
        """Return the path of the file and the number of the row in it, from 0."""
        file = int(np.searchsorted(self._starts, index, "right")) - 1
        return f"{self._files[file]}/{index - self._starts[file]}"

    def read(self, index: int) -> np.ndarray:
        """Return an encoded image."""
        # pyarrow and datasets have several kinds of errors for a damaged row.
        try:
            value = self._images[index][self._column][0].as_py()
        except MemoryError:
            raise
        except Exception as error:
            raise unreadable(self.name(index), one_line(error)) from error
        path = None
        if isinstance(value, dict):
            value, path = value.get("bytes"), value.get("path")
        try:
            # A device or a pipe, which would never end, is no image.
            if value is None and path and Path(path).is_file():
                return np.fromfile(path, np.uint8)
        except OSError as error:
            raise unreadable(self.name(index), one_line(error)) from error
        if value is None:
            raise unreadable(self.name(index), "the row holds no image")
        # torch wants to own what it decodes.
        return np.frombuffer(bytearray(value), np.uint8)


def parquet_store(
    paths: Sequence[Path], image_key: str | None, label_key: str | None, labelled: bool
) -> TableStore:
    """Open Parquet files.

    Raises:
        UserError: if one is missing or damaged, and as for ``TableStore``.
    """
    datasets = _datasets()
    from pyarrow import parquet

    files = []
    for path in paths:
        with _naming(path, "Parquet"):
            files.append((str(path), parquet.read_metadata(path).num_rows))
    with _naming(paths[0], "Parquet"):
        # ``load_dataset`` would tell the hub that a data set was read.
        # A name with brackets or a star would be taken for a pattern.
        table = datasets.Dataset.from_parquet([escape(str(path)) for path in paths])
    return TableStore(table, files, image_key, label_key, labelled)


def arrow_store(
    paths: Sequence[Path], image_key: str | None, label_key: str | None, labelled: bool
) -> TableStore:
    """Open Arrow files as ``datasets`` writes them.

    Raises:
        UserError: if one is missing or damaged, and as for ``TableStore``.
    """
    datasets = _datasets()
    tables = []
    for path in paths:
        with _naming(path, "Arrow"):
            tables.append(datasets.Dataset.from_file(str(path)))
    with _naming(paths[0], "Arrow"):
        table = datasets.concatenate_datasets(tables)
    files = [(str(path), len(part)) for path, part in zip(paths, tables, strict=True)]
    return TableStore(table, files, image_key, label_key, labelled)


def hub_store(
    name: str, image_key: str | None, label_key: str | None, labelled: bool
) -> TableStore:
    """Open a data set of the hub, ``hf:OWNER/NAME:SPLIT``, which is fetched once.

    Raises:
        UserError: if the name has no split, the data set cannot be fetched, and as for
            ``TableStore``.
    """
    datasets = _datasets()
    repository, _, split = name.removeprefix(HUB).partition(":")
    if not (repository and split):
        raise UserError(f"{name} names no split; write {HUB}OWNER/NAME:SPLIT")
    try:
        table = datasets.load_dataset(repository, split=split)
    except MemoryError:
        raise
    # The hub, the network and the data set's own files can fail in many ways.
    except Exception as error:
        raise UserError(
            f"{name} cannot be fetched: {one_line(error)}; check the name, the split and the "
            "network"
        ) from error
    return TableStore(table, [(name, len(table))], image_key, label_key, labelled)


def _datasets() -> Any:
    if find_spec("datasets") is None:
        raise UserError(
            'reading Parquet and Arrow needs datasets; run: pip install "leoclr-plugin[datasets]"'
        )
    import datasets

    return datasets


@contextmanager
def _naming(path: Path, kind: str, on_disk: bool = True) -> Iterator[None]:
    if on_disk and not path.is_file():
        raise UserError(f"the {kind} file {path} is not there; check the path")
    try:
        yield
    except MemoryError:
        raise
    # pyarrow and datasets have several kinds of errors for a damaged file.
    except Exception as error:
        raise UserError(
            f"{path} is no {kind} file of images, or damaged: {one_line(error)}; write it again"
        ) from error


def _image_column(table: Any, key: str | None, where: str) -> str:
    found = [name for name, feature in table.features.items() if _holds_images(feature)]
    if key is not None:
        if key not in table.features:
            near = suggestion(key, table.features)
            raise UserError(f"data.image_key={key} is no column of {where}{near}")
        if key not in found:
            raise UserError(
                f"data.image_key={key} of {where} holds {table.features[key]}, not encoded images"
            )
        return key
    if len(found) != 1:
        columns = ", ".join(found or table.features)
        raise UserError(
            f"{where} has {len(found)} columns of encoded images; name one of {columns} with "
            "data.image_key"
        )
    return found[0]


def _holds_images(feature: Any) -> bool:
    from datasets import Image, Value

    if isinstance(feature, dict):
        feature = feature.get("bytes")
    binary = isinstance(feature, Value) and feature.dtype in ("binary", "large_binary")
    return isinstance(feature, Image) or binary


def _labels(table: Any, key: str | None, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    from datasets import ClassLabel

    if key is None:
        found = [name for name, value in table.features.items() if isinstance(value, ClassLabel)]
        found = found if len(found) == 1 else [name for name in table.features if name == "label"]
        if not found:
            raise UserError(
                f"{where} has no column 'label', but {', '.join(table.features)}; name one with "
                "data.label_key, or set data.no_labels=True"
            )
        key = found[0]
    if key not in table.features:
        near = suggestion(key, table.features)
        raise UserError(f"data.label_key={key} is no column of {where}{near}")
    feature = table.features[key]
    if getattr(feature, "dtype", None) not in _LABEL_TYPES:
        raise UserError(f"data.label_key={key} of {where} holds {feature}, not one label each")
    with _naming(Path(where), "Parquet or Arrow", on_disk=False):
        column = table.select_columns([key]).with_format("arrow")[:][key]
        column.validate(full=True)
    if column.null_count:
        raise UserError(
            f"{where}: {column.null_count} of {len(column)} rows have no {key}; remove them, or "
            "set data.no_labels=True"
        )
    values = column.to_numpy()
    if isinstance(feature, ClassLabel):
        if (values < 0).any():
            raise UserError(
                f"{where}: {int((values < 0).sum())} of {len(values)} rows have the {key} -1, "
                "which is none; remove them, or set data.no_labels=True"
            )
        if values.max() >= len(feature.names):
            raise UserError(
                f"{where}: the {key} {values.max()} is none of its {len(feature.names)} classes; "
                "write the file again"
            )
        return values.astype(np.int64), tuple(feature.names)
    texts, codes = np.unique(values, return_inverse=True)
    return number([str(text) for text in texts], codes)


_LABEL_TYPES = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    "bool",
    "string",
    "large_string",
)
