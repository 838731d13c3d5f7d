"""Open the store that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from leoclr_plugin.data.stores.files import class_names_of, folder_store
from leoclr_plugin.data.stores.hdf5 import Hdf5Store
from leoclr_plugin.data.stores.list_file import list_store
from leoclr_plugin.data.stores.store import Store
from leoclr_plugin.data.stores.tables import HUB, arrow_store, hub_store, parquet_store
from leoclr_plugin.data.stores.tar import TarStore
from leoclr_plugin.errors import UserError

FOLDER, H5 = "folder", "h5"
# The endings of each kind's files; the first is looked for in a folder.
_ENDINGS = {
    "list": (".txt", ".tsv"),
    H5: (".h5", ".hdf5"),
    "parquet": (".parquet",),
    "arrow": (".arrow",),
    "tar": (".tar",),
}
_OF_ONE_FILE = {"list": list_store, H5: Hdf5Store}
_OF_FILES = {"parquet": parquet_store, "arrow": arrow_store, "tar": TarStore}
_KEYS = ("image_key", "label_key")
# Folders are listed anew each time, because their images may change without a trace.
_KEPT = 4


def paths_of(value: str | Path | Sequence[str]) -> list[str]:
    """Return the paths in ``data.train_path`` or ``data.val_path``, which is one or a list."""
    return [str(value)] if isinstance(value, str | Path) else [str(path) for path in value]


def shown(value: str | Path | Sequence[str]) -> str:
    """Return the paths in one line, for messages."""
    return ", ".join(paths_of(value))


def kind_of(data: Mapping[str, Any], split: str) -> str:
    """Return where the images of a split lie, one of ``config.datasets.SOURCES``.

    Args:
        data: the ``data`` node of a configuration. Without ``source``, the ending of each path
            says it.
        split: ``"train"`` or ``"val"``.

    Raises:
        UserError: if the paths are of several kinds.
    """
    if data.get("source"):
        return data["source"]
    if data.get("format") == "h5":
        return H5
    paths = paths_of(data[f"{split}_path"])
    kinds = list(dict.fromkeys(_kind(path) for path in paths))
    if len(kinds) > 1:
        raise UserError(
            f"data.{split}_path={shown(paths)} is of several kinds ({', '.join(kinds)}); name "
            "paths of one kind"
        )
    return kinds[0]


def is_folder(data: Mapping[str, Any], split: str) -> bool:
    """Whether the images of a split lie in one folder, to which lists and labels files refer."""
    return kind_of(data, split) == FOLDER and len(paths_of(data[f"{split}_path"])) == 1


def class_names_in(data: Mapping[str, Any], split: str) -> list[str]:
    """Return the names of a split's classes in the order of their numbers.

    Raises:
        UserError: if the data is missing or damaged.
    """
    if kind_of(data, split) == FOLDER:
        return class_names_of([Path(path) for path in paths_of(data[f"{split}_path"])])
    return list(open_store(data, split, True).classes)


def open_store(data: Mapping[str, Any], split: str, labelled: bool) -> Store:
    """Open the store of a split.

    Args:
        data: the ``data`` node of a configuration: ``train_path`` and ``val_path``, and optionally
            ``source``, ``image_key`` and ``label_key``.
        split: ``"train"`` or ``"val"``.
        labelled: whether each image has a label.

    Raises:
        UserError: if the data is missing or damaged, or lacks labels that are asked for.
    """
    kind, paths = kind_of(data, split), paths_of(data[f"{split}_path"])
    for key in _KEYS:
        # The keys may belong to the training images alone.
        if data.get(key) and kind not in (*_OF_FILES, "hub") and split == "train":
            raise UserError(
                f"data.{key}={data[key]} is for Parquet, Arrow and tar shards, and "
                f"{shown(paths)} is none of them; leave it out"
            )
    if kind == FOLDER:
        return folder_store([Path(path) for path in paths], labelled)
    files = paths if kind == "hub" else _files(kind, paths, f"data.{split}_path")
    if kind not in _OF_FILES and len(files) > 1:
        raise UserError(f"data.{split}_path={shown(files)}: source={kind} takes one; name one")
    keys = [data.get(key) for key in _KEYS]
    return _open(kind, tuple(files), _stamps(kind, files), *keys, labelled)


def _kind(path: str) -> str:
    if path.startswith(HUB):
        return "hub"
    if not Path(path).is_dir():
        for kind, endings in _ENDINGS.items():
            if path.lower().endswith(endings):
                return kind
    return FOLDER


def _files(kind: str, paths: Sequence[str], key: str) -> list[str]:
    """Return the files that paths, patterns and folders name."""
    files: list[str] = []
    for path in paths:
        found = [path]
        if Path(path).is_dir():
            found = sorted(str(file) for file in Path(path).glob(f"*{_ENDINGS[kind][0]}"))
        elif not Path(path).exists() and set(path) & set("*?["):
            anchor = Path(path).anchor
            pattern = path.removeprefix(anchor)
            found = sorted(str(file) for file in Path(anchor).glob(pattern))
        if not found:
            raise UserError(f"{key}={path}: there is no {_ENDINGS[kind][0]} file; check the path")
        files += found
    repeated = [path for i, path in enumerate(files) if path in files[:i]]
    if repeated:
        raise UserError(f"{key} names {repeated[0]} twice; name each file once")
    return files


def _stamps(kind: str, files: Sequence[str]) -> tuple[Any, ...]:
    if kind == "hub":
        return ()
    found = [Path(path).stat() for path in files if Path(path).is_file()]
    return tuple((status.st_size, status.st_mtime_ns) for status in found)


@lru_cache(_KEPT)
def _open(
    kind: str,
    files: tuple[str, ...],
    stamps: tuple[Any, ...],
    image_key: str | None,
    label_key: str | None,
    labelled: bool,
) -> Store:
    """Open files. One that did not change since is not opened again in the same process."""
    if kind == "hub":
        return hub_store(files[0], image_key, label_key, labelled)
    paths = [Path(path) for path in files]
    if kind in _OF_ONE_FILE:
        return _OF_ONE_FILE[kind](paths[0], labelled)
    return _OF_FILES[kind](paths, image_key, label_key, labelled)
