"""Write the features of a folder of images as Parquet, part by part, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from leoclr_plugin.data.images import EXTENSIONS, list_images
from leoclr_plugin.data.labels import read_labels
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.loaders import source_loader
from leoclr_plugin.data.sources import build_source
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.stores.opening import is_folder, open_store
from leoclr_plugin.data.views import View
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.evaluation.bank import FeatureBank
from leoclr_plugin.evaluation.data import LABELS_FILE
from leoclr_plugin.evaluation.features import device
from leoclr_plugin.evaluation.finite import check_features
from leoclr_plugin.system.files import check_writable, read_json, whole_file, write_json
from leoclr_plugin.terminal import tell

if TYPE_CHECKING:
    import pyarrow as pa

DTYPES = {"float16": torch.float16, "float32": torch.float32}
# Readers of a folder of Parquet files skip a name that begins with an underscore.
_ABOUT = "_about.json"
_PART = "part-{:06}.parquet"
# An interruption loses at most the images of one part.
_IMAGES_A_PART = 4096


@dataclass(frozen=True)
class Pictures:
    """Images in a fixed order.

    Attributes:
        images: the images.
        names: their names; in a folder, their paths under it.
        labels: for each image the name of its class, or the names of the classes that it shows;
            None without one. The list is None if no image has a label.
        several: whether a label is a list of names.
    """

    images: Images
    names: list[str]
    labels: list[str | list[str] | None] | None
    several: bool = False


def require_pyarrow() -> None:
    """Check that pyarrow is installed.

    Raises:
        UserError: if it is not.
    """
    if find_spec("pyarrow") is None:
        raise UserError('writing Parquet needs pyarrow; run: pip install "leoclr-plugin[embed]"')


def pictures_of(path: Path, keys: Mapping[str, str] | None = None) -> Pictures:
    """List the images of a folder or another source with their labels.

    A file ``labels.csv`` in a folder gives the classes that each image shows. Without one, the
    label of an image is the name of the subfolder that it lies in. Another source has labels of its
    own, or none.

    Args:
        path: what ``data.train_path`` can name.
        keys: ``source``, ``image_key`` and ``label_key`` as in ``data``.

    Raises:
        UserError: if the images are missing or damaged, or if a labels file has rows for images
            that are not in the folder.
    """
    data = {"train_path": str(path), **(keys or {})}
    if is_folder(data, "train"):
        return _pictures_of_folder(path)
    images = Images(open_store(data, "train", labelled=False))
    try:
        store = open_store(data, "train", labelled=True)
        labels = [store.classes[number] for number in store.labels]
    except UserError as error:
        if data.get("label_key"):
            raise
        tell(f"Written without labels: {error}")
        labels = None
    return Pictures(images, list(images.names), labels)


def _pictures_of_folder(folder: Path) -> Pictures:
    if not folder.is_dir():
        raise UserError(f"{folder} is not there; name a folder of images")
    paths = list_images(folder)
    if not paths:
        raise UserError(f"the folder {folder} holds no image ({', '.join(EXTENSIONS)})")
    images = Images(FileStore.of_paths(paths))
    inner = [path.relative_to(folder) for path in paths]
    names = [path.as_posix() for path in inner]
    if not (folder / LABELS_FILE).is_file():
        labels = [path.parts[0] if len(path.parts) > 1 else None for path in inner]
        return Pictures(images, names, labels if any(labels) else None)
    table = read_labels(folder / LABELS_FILE)
    known = [table.rows.pop(str(folder.resolve() / path), None) for path in inner]
    if table.rows:
        raise UserError(
            f"{folder / LABELS_FILE} has rows for {len(table.rows)} images that are not in "
            f"{folder}, the first is {next(iter(table.rows))}; correct their paths, or remove "
            "their rows"
        )
    labels = [
        None if row is None else [table.classes[i] for i in np.flatnonzero(row == 1)]
        for row in known
    ]
    return Pictures(images, names, labels, several=True)


def embed(
    method: nn.Module,
    view: View,
    pictures: Pictures,
    out: Path,
    about: dict[str, Any],
    dtype: str = "float32",
    batch_size: int = 256,
    threads: int = 4,
    source: object = "the network",
    levels: Levels | None = None,
) -> int:
    """Encode images and write a folder of Parquet files with ``path``, ``label`` and ``vector``.

    Each file is written completely or not at all, and a second call continues after the last of
    them. Only the images of one file are in memory at a time.

    Args:
        method: maps images to a dict with the features ``feats`` ``[N, F]``.
        view: how an image is prepared.
        pictures: the images; ``path`` is their name.
        out: the folder to write.
        about: what the features depend on besides the images. It is written into the folder, and
            a call that continues it must have the same.
        dtype: ``"float16"`` or ``"float32"``, the type of the vectors' values.
        batch_size: the number of images to encode at once.
        threads: the number of threads that load images.
        source: the checkpoint of the method, for error messages.
        levels: how the levels of the images are read; None for RGB of 8 bits.

    Returns:
        The number of images that an earlier call had written.

    Raises:
        UserError: if the folder holds something else, an image cannot be read, or features are not
            finite or too large for ``dtype``.
    """
    names = pictures.names
    about = {**about, "dtype": dtype, **described(pictures)}
    parts = _earlier_parts(out, about)
    done = sum(map(_rows_of, parts))
    if done == len(names):
        return done
    # Encoding the images of the first file takes a while, so check its place before.
    check_writable(next(path for path in (out, *out.absolute().parents) if path.exists()))
    first, number = done, len(parts)
    images = pictures.images
    for vectors in _vectors(method, view, images, batch_size, threads, source, done, levels):
        rows = slice(first, first + len(vectors))
        labels = None if pictures.labels is None else pictures.labels[rows]
        table = _table(names[rows], labels, pictures.several, vectors, dtype, source)
        if not number:
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / _ABOUT, about)
        _write_part(out / _PART.format(number), table)
        first, number = rows.stop, number + 1
    return done


def described(pictures: Pictures) -> dict[str, Any]:
    """Return the number of the images, and a SHA-256 of their names and labels."""
    names = pictures.names
    content = json.dumps([names, pictures.labels]).encode("utf-8", "surrogateescape")
    return {"images": len(names), "listing": hashlib.sha256(content).hexdigest()}


def _earlier_parts(out: Path, about: dict[str, Any]) -> list[Path]:
    if not out.exists():
        return []
    if out.is_dir() and not any(out.iterdir()):
        return []
    if not (out / _ABOUT).is_file():
        raise UserError(f"{out} was not written by leoclr embed; name another --out")
    earlier = read_json(out / _ABOUT)
    different = [key for key in about if earlier.get(key) != about[key]]
    if different:
        raise UserError(
            f"{out} holds features that differ in {', '.join(different)}; remove the folder, or "
            "name another --out"
        )
    parts = sorted(out.glob("part-*.parquet"))
    if [path.name for path in parts] != [_PART.format(number) for number in range(len(parts))]:
        raise UserError(
            f"{out} lacks a file between others; remove the folder, or name another --out"
        )
    return parts


def read_features(folder: Path, pictures: Pictures) -> tuple[torch.Tensor, dict[str, Any]]:
    """Read back the features of all images.

    Args:
        folder: what ``embed`` wrote.
        pictures: the images that it should hold.

    Returns:
        The features ``[N, F]``, see ``FeatureBank``; and what they depend on, see ``embed``.

    Raises:
        UserError: if the folder was not written by ``embed``, is damaged, is of other images or
            labels, or is not complete.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (folder / _ABOUT).is_file():
        raise UserError(f"{folder} was not written by leoclr embed; write it by leoclr embed")
    about = read_json(folder / _ABOUT)
    expected = described(pictures)
    if not expected.items() <= about.items():
        raise UserError(
            f"{folder} is of another data set: it holds {about.get('images')} images, and these "
            f"are {expected['images']} with other names or labels; name the images that it was "
            "made from"
        )
    parts = _earlier_parts(folder, about)
    done = sum(map(_rows_of, parts))
    if done != len(pictures.names):
        raise UserError(
            f"{folder} holds {done} of {len(pictures.names)} images; complete it by the same "
            "leoclr embed again"
        )
    bank = FeatureBank()
    for path in parts:
        try:
            vectors = pq.read_table(path, columns=["vector"])["vector"].combine_chunks()
        except (pa.ArrowException, KeyError) as error:
            raise UserError(f"{path} is damaged: {one_line(error)}; remove {folder}") from error
        values = vectors.flatten().to_numpy(zero_copy_only=False).reshape(len(vectors), -1)
        bank.add(torch.from_numpy(values.astype(np.float32)), folder)
    return bank.features(), about


def _vectors(
    method: nn.Module,
    view: View,
    images: Images,
    batch_size: int,
    threads: int,
    source: object,
    done: int,
    levels: Levels | None,
) -> Iterator[torch.Tensor]:
    """Yield the features ``[n, F]`` in float32 of the images of each part, from ``done`` on."""
    dataset = images.take(range(done, len(images)))
    loader = source_loader(
        dataset, build_source(dataset, 0, threads, levels), view, batch_size, threads
    )
    target_device = device()
    method = method.to(target_device).eval()
    pending: list[torch.Tensor] = []
    with tqdm(total=len(images), initial=done, desc="Images", unit=" images") as bar:
        for batch, _ in loader:
            with torch.no_grad():
                features = method(batch.to(target_device, non_blocking=True))["feats"]
            pending.append(features.float().cpu())
            check_features(pending[-1], source)
            bar.update(len(batch))
            if sum(map(len, pending)) >= _IMAGES_A_PART:
                yield torch.cat(pending)
                pending.clear()
    if pending:
        yield torch.cat(pending)


def _table(
    names: list[str],
    labels: list[Any] | None,
    several: bool,
    vectors: torch.Tensor,
    dtype: str,
    source: object,
) -> pa.Table:
    import pyarrow as pa

    values = vectors.to(DTYPES[dtype]).numpy()
    if not np.isfinite(values).all():
        raise UserError(f"{source} gives features too large for {dtype}; take --dtype float32")
    columns = {"path": pa.array(map(_text, names))}
    if labels is not None:
        kind = pa.list_(pa.string()) if several else pa.string()
        columns["label"] = pa.array(map(_text, labels), kind)
    flat = pa.array(values.reshape(-1))
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.table(columns)


def _text(name: Any) -> Any:
    """Return a name, or each name of a list, without bytes that are not UTF-8.

    The name of a file may have such bytes, which Parquet's texts cannot hold.
    """
    if isinstance(name, list):
        return [_text(one) for one in name]
    return name and name.encode("utf-8", "backslashreplace").decode()


def _write_part(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    # Python opens the file, because its errors name what is wrong with the disk. A dictionary of
    # values that never repeat only takes time.
    with whole_file(path) as part, part.open("wb") as file:
        pq.write_table(table, file, use_dictionary=False)


def _rows_of(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path).num_rows
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is damaged: {one_line(error)}; remove {path.parent}") from error
