"""Find the images that a file of pairs names in a data set, and whether they share a class."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leoclr_plugin.data.pairs.table import PairTable
from leoclr_plugin.errors import UserError

Label = str | list[str] | None


@dataclass(frozen=True)
class Placed:
    """Pairs of a data set.

    Attributes:
        images: the index of each pair's image ``[P]``.
        partners: the index of its partner ``[P]``.
        same: 1 if the two share a class, 0 if they do not, -1 if the class of one is unknown.
    """

    images: np.ndarray
    partners: np.ndarray
    same: np.ndarray


def place_pairs(
    path: Path, table: PairTable, root: Path, names: Sequence[str], labels: Sequence[Label] | None
) -> Placed:
    """Find the images of pairs by their names.

    Args:
        path: the file of pairs, for messages.
        table: its content.
        root: the folder that relative names begin in.
        names: the names of the data set's images, relative to ``root`` or absolute.
        labels: the class, or the classes, of each image; None if none is known.

    Raises:
        UserError: if a name is none of the data set's.
    """
    known = {_full(root, name): index for index, name in enumerate(names)}
    columns = []
    missing: dict[str, None] = {}
    for given in (table.images, table.partners):
        found = [known.get(full_name(root, name, known), -1) for name in given]
        missing |= dict.fromkeys(n for n, i in zip(given, found, strict=True) if i < 0)
        columns.append(np.array(found, np.int64))
    if missing:
        raise UserError(
            f"{path} is of another data set: {len(missing)} of its names are no images of {root}, "
            f"the first is {next(iter(missing))}; name the images that the pairs are of with --data"
        )
    images, partners = columns
    same = [-1] * len(images) if labels is None else _same(labels, images, partners)
    return Placed(images, partners, np.array(same, np.int64))


def _same(labels: Sequence[Label], images: np.ndarray, partners: np.ndarray) -> list[int]:
    classes = [{label} if isinstance(label, str) else set(label or ()) for label in labels]
    return [
        int(not classes[i].isdisjoint(classes[j]))
        if labels[i] is not None and labels[j] is not None
        else -1
        for i, j in zip(images.tolist(), partners.tolist(), strict=True)
    ]


def full_name(root: str | Path, name: str, known: Container[str]) -> str:
    """Return the absolute path of an image that a file of pairs names.

    Spaces around the name are ignored, unless ``known``, the absolute paths of the images, has one
    with them.
    """
    exact = _full(root, name)
    return exact if exact in known else _full(root, name.strip())


def _full(root: str | Path, name: str) -> str:
    return os.path.normpath(Path.cwd() / root / name)
