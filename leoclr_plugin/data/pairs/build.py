"""The pairs of a training, from its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.data.pairs.partners import Partners
from leoclr_plugin.data.pairs.suffixes import partners_by_suffix
from leoclr_plugin.data.pairs.table import PairTable, read_pairs
from leoclr_plugin.data.stored import NO_CLASS, Images
from leoclr_plugin.data.stores.chained import ChainedStore
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.views import View
from leoclr_plugin.errors import UserError

SECOND, BOTH, ORIGINALS = "second", "both", "originals"


@dataclass(frozen=True)
class Pairing:
    """How pairs enter the views of a training.

    Attributes:
        partners: which images are partners of which.
        of_partner: for each view whether it shows the partner.
    """

    partners: Partners
    of_partner: tuple[bool, ...]


def has_pairs(data: DictConfig) -> bool:
    """Return whether a ``data`` node asks for pairs."""
    return bool(OmegaConf.select(data, "pairs.file") or _suffixes(data))


def _suffixes(data: DictConfig) -> list[str]:
    return list(OmegaConf.select(data, "pairs.suffixes") or ())


def without_partners(images: Images, data: DictConfig) -> Images:
    """Leave out the images that ``data.pairs.suffixes`` makes partners: they are no originals."""
    if not _suffixes(data):
        return images
    partners = partners_by_suffix(images.names, _suffixes(data))
    return images.take([index for index in range(len(images)) if index not in partners])


def with_partners_listed(data: DictConfig) -> DictConfig:
    """Return a ``data`` node whose data set also has the images that are only partners."""
    if not _suffixes(data):
        return data
    return OmegaConf.create({key: value for key, value in data.items() if key != "pairs"})


def views_with_pairs(views: Sequence[View], where: str) -> list[View]:
    """Return the views of a training with pairs: ``originals`` adds the partner's original."""
    return [*views, views[-1]] if where == ORIGINALS else list(views)


def build_pairing(
    images: Images, data: DictConfig, crops: int, views: int
) -> tuple[Images, Pairing]:
    """Find the partners of a training's images, and say on stderr how many there are.

    Args:
        images: all images of the data set.
        data: the ``data`` node; all keys of ``data.pairs`` are there.
        crops: how many of the first views are crops.
        views: the number of all views, see ``views_with_pairs``.

    Returns:
        The images of the training followed by those that are only partners, and the pairing.

    Raises:
        UserError: if the file of pairs is bad or of another data set, an image is its own partner,
            or a partner is not on the disk.
    """
    node = data.pairs
    if _suffixes(data):
        found = _by_suffix(images, _suffixes(data))
        originals = [index for index in range(len(images)) if index not in found]
        places = {index: place for place, index in enumerate(originals)}
        extra = sorted(found)
        everything = images.take([*originals, *extra])
        count = len(originals)
        pairs = np.array([(places[found[index]], count + i) for i, index in enumerate(extra)])
        weights = np.ones(len(pairs))
    else:
        count = len(images)
        everything, pairs, weights = _by_file(images, data, Path(node.file))
    of_partner = _of_partner(node.where, crops, views)
    control = sum(of_partner) / len(of_partner) if node.control else None
    partners = _grouped(pairs, weights, count, node.probability, control)
    alone = int((np.diff(partners.first) == 0).sum())
    print(
        f"Pairs: {count - alone} of {count} images have a partner, {len(pairs)} pairs in all"
        + (f"; {alone} images are trained on alone" if alone else ""),
        file=sys.stderr,
    )
    return everything, Pairing(partners, of_partner)


def _of_partner(where: str, crops: int, views: int) -> tuple[bool, ...]:
    if where == SECOND:
        return tuple(view == crops - 1 for view in range(views))
    if where == BOTH:
        return tuple(view < crops for view in range(views))
    return tuple(view == views - 1 for view in range(views))


def _by_suffix(images: Images, suffixes: Sequence[str]) -> dict[int, int]:
    found = partners_by_suffix(images.names, suffixes)
    if not found:
        raise UserError(
            f"data.pairs.suffixes={list(suffixes)}: no image is named like another with a suffix; "
            "correct the suffixes, which come before the ending"
        )
    return found


def _by_file(images: Images, data: DictConfig, path: Path) -> tuple[Images, np.ndarray, np.ndarray]:
    table = read_pairs(path)
    root = data.train_path if isinstance(data.train_path, str) else "."
    known = {os.path.normpath(Path.cwd() / name): i for i, name in enumerate(images.names)}
    own = [known.get(_full(root, name)) for name in table.images]
    if all(index is None for index in own):
        raise UserError(
            f"{path} is of another data set: none of its {len(table)} images are among the "
            f"training images, the first is {table.images[0]}; name images by their path under "
            "data.train_path"
        )
    others = [_full(root, name) for name in table.partners]
    _check(path, root, table, known, others)
    rows = [row for row, index in enumerate(own) if index is not None]
    if len(rows) < len(table):
        print(
            f"{path}: {len(table) - len(rows)} pairs are of images that are not trained on, and "
            "are left out",
            file=sys.stderr,
        )
    extra = list(dict.fromkeys(others[row] for row in rows if others[row] not in known))
    places = {name: len(images) + i for i, name in enumerate(extra)}
    pairs = np.array(
        [(own[row], known.get(others[row], places.get(others[row]))) for row in rows], np.int64
    )
    return _with_extra(images, extra), pairs, table.weights[rows]


def _check(
    path: Path, root: str, table: PairTable, known: dict[str, int], others: Sequence[str]
) -> None:
    same = [i for i, name in enumerate(table.images) if _full(root, name) == others[i]]
    if same:
        raise UserError(
            f"{path}: {len(same)} images are their own partner, the first is "
            f"{table.images[same[0]]}; remove these pairs"
        )
    missing = [i for i, name in enumerate(others) if name not in known and not Path(name).is_file()]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(table)} partners are not there, the first is "
            f"{table.partners[missing[0]]}; correct their paths, or remove their pairs"
        )


def _full(root: str, name: str) -> str:
    return os.path.normpath(Path.cwd() / root / name)


def _with_extra(images: Images, extra: Sequence[str]) -> Images:
    if not extra:
        return images
    count = len(images)
    store = ChainedStore(images.store, FileStore.of_paths(extra))
    chosen = [images.place(index) for index in range(count)]
    chosen += range(len(images.store), len(store))
    shape = (len(extra), *images.targets.shape[1:])
    unknown = np.full(shape, NO_CLASS, images.targets.dtype)
    targets = np.concatenate([images.targets, unknown])
    return Images(store, targets, images.classes, np.array(chosen, np.int64))


def _grouped(
    pairs: np.ndarray, weights: np.ndarray, count: int, probability: float, control: Any
) -> Partners:
    order = np.argsort(pairs[:, 0], kind="stable")
    pairs, weights = pairs[order], weights[order]
    numbers = np.bincount(pairs[:, 0], minlength=count)
    first = np.concatenate([[0], np.cumsum(numbers)])
    totals = np.bincount(pairs[:, 0], weights, minlength=count)
    if (totals[numbers > 0] == 0).any():
        raise UserError("data.pairs: an image has partners of weight 0 only; give one a weight")
    return Partners(first, pairs[:, 1], weights / totals[pairs[:, 0]], probability, control)
