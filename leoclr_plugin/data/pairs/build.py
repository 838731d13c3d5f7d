"""The pairs of a training, from its configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.data.pairs.kinds import (
    has_negatives,
    has_weights,
    in_words,
    kinds_of,
    sort_by_kind,
)
from leoclr_plugin.data.pairs.partners import NEGATIVES_STREAM, Partners
from leoclr_plugin.data.pairs.places import full_name
from leoclr_plugin.data.pairs.suffixes import partners_by_suffix
from leoclr_plugin.data.pairs.table import PairTable, read_pairs
from leoclr_plugin.data.pairs.where import PARTNER, shows
from leoclr_plugin.data.stored import NO_CLASS, Images
from leoclr_plugin.data.stores.chained import ChainedStore
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.stores.opening import paths_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.terminal import tell


@dataclass(frozen=True)
class Pairing:
    """How pairs enter the views of a training.

    Attributes:
        partners: which images are partners of which.
        shows: for each view the place in ``Shown.images`` of what it shows.
        negatives: the explicit negatives of the images; None without any.
    """

    partners: Partners
    shows: tuple[int, ...]
    negatives: Partners | None = None


def has_pairs(data: DictConfig) -> bool:
    """Return whether a ``data`` node asks for pairs."""
    return bool(OmegaConf.select(data, "pairs.file") or suffixes_of(data))


def suffixes_of(data: DictConfig) -> list[str]:
    """Return the suffixes by which a ``data`` node names partners; empty without any."""
    return list(OmegaConf.select(data, "pairs.suffixes") or ())


def without_partners(images: Images, data: DictConfig) -> Images:
    """Leave out the images that ``data.pairs.suffixes`` makes partners: they are no originals."""
    if not suffixes_of(data):
        return images
    partners = partners_by_suffix(images.names, suffixes_of(data))
    return images.take([index for index in range(len(images)) if index not in partners])


def with_partners_listed(data: DictConfig) -> DictConfig:
    """Return a ``data`` node of all listed images: the originals and their partners.

    ``data.fraction`` is a share of the originals, so it is left out.
    """
    if not suffixes_of(data):
        return data
    left_out = ("pairs", "fraction")
    return OmegaConf.create({key: value for key, value in data.items() if key not in left_out})


def build_pairing(
    images: Images, everything: Images, data: DictConfig, crops: int, views: int
) -> tuple[Images, Pairing]:
    """Find the partners of a training's images, and say on stderr how many there are.

    Args:
        images: the images of the training.
        everything: the images of ``with_partners_listed``; with a file of pairs, the same images.
        data: the ``data`` node; all keys of ``data.pairs`` are there.
        crops: how many of the first views are crops.
        views: the number of all views, see ``views_with_pairs``.

    Returns:
        The images of the training followed by those that are only partners, and the pairing.

    Raises:
        UserError: if the file of pairs is bad or of another data set, an image is its own partner,
            a partner is not on the disk, or the kinds are not those of ``data.pairs.kinds``.
    """
    node = data.pairs
    if suffixes_of(data):
        found = _pairs_by_suffix(images, everything, data)
    else:
        found = _pairs_by_file(images, data)
    shown = shows(node.where, crops, views, has_negatives(data))
    control = shown.count(PARTNER) / len(shown) if node.control else None
    partners = found.group(~found.negative, node.probability, control=control)
    if any(found.kinds):
        tell(in_words(found.kinds, kinds_of(data)))
    paired, alone = _with_and_without(partners)
    tell(
        f"Pairs: {paired} of {found.count} images have a partner, {len(partners.partners)} pairs "
        f"in all{f'; {alone} images are trained on alone' if alone else ''}",
    )
    if not has_negatives(data):
        return found.images, Pairing(partners, shown)
    negatives = found.group(found.negative, node.probability, stream=NEGATIVES_STREAM)
    pushed, _ = _with_and_without(negatives)
    tell(
        f"Negatives: {pushed} of {found.count} images have one of their own, "
        f"{len(negatives.partners)} pairs in all",
    )
    return found.images, Pairing(partners, shown, negatives)


@dataclass(frozen=True)
class _Found:
    """The pairs of a training.

    Attributes:
        images: the images of the training, followed by those that are only partners.
        count: the number of the images of the training.
        pairs: the indexes of each pair ``[P, 2]``.
        weights: the weight ``[P]`` with which each partner is drawn.
        kinds: the kind of each pair; empty texts for those without one.
        in_loss: the weight ``[P]`` of each pair in the loss; None if the kinds do not change it.
        negative: whether each pair is a negative ``[P]``.
    """

    images: Images
    count: int
    pairs: np.ndarray
    weights: np.ndarray
    kinds: list[str]
    in_loss: np.ndarray | None
    negative: np.ndarray

    def group(self, chosen: np.ndarray, probability: float, **more: Any) -> Partners:
        """Return the chosen pairs ``[P]`` as partners of their images."""
        rows = np.flatnonzero(chosen)
        rows = rows[np.argsort(self.pairs[rows, 0], kind="stable")]
        own, weights = self.pairs[rows, 0], self.weights[rows]
        numbers = np.bincount(own, minlength=self.count)
        first = np.concatenate([[0], np.cumsum(numbers)])
        totals = np.bincount(own, weights, minlength=self.count)
        if (totals[numbers > 0] == 0).any():
            raise UserError("data.pairs: an image has partners of weight 0 only; give one a weight")
        in_loss = None if self.in_loss is None else self.in_loss[rows]
        partners, shares = self.pairs[rows, 1], weights / totals[own]
        return Partners(first, partners, shares, probability, weights=in_loss, **more)


def _pairs_by_suffix(images: Images, everything: Images, data: DictConfig) -> _Found:
    found = _by_suffix(everything, suffixes_of(data))
    index_of = {name: index for index, name in enumerate(everything.names)}
    originals = [index_of[name] for name in images.names]
    places = {index: place for place, index in enumerate(originals)}
    # A share of the originals leaves the partners of all others out.
    extra = sorted(index for index, original in found.items() if original in places)
    count = len(originals)
    pairs = [(places[found[index]], count + i) for i, index in enumerate(extra)]
    with_extra = everything.take([*originals, *extra])
    weights, negative = np.ones(len(pairs)), np.zeros(len(pairs), bool)
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    return _Found(with_extra, count, pairs, weights, [], None, negative)


def _with_and_without(partners: Partners) -> tuple[int, int]:
    has_one = np.diff(partners.first) > 0
    return int(has_one.sum()), int((~has_one).sum())


def _by_suffix(images: Images, suffixes: Sequence[str]) -> dict[int, int]:
    found = partners_by_suffix(images.names, suffixes)
    if not found:
        raise UserError(
            f"data.pairs.suffixes={list(suffixes)}: no image is named like another with a suffix; "
            "correct the suffixes, which come before the ending, or name the partners in "
            "data.train_list too, if you have one"
        )
    return found


def _pairs_by_file(images: Images, data: DictConfig) -> _Found:
    path = Path(data.pairs.file)
    table, kinds = read_pairs(path), kinds_of(data)
    in_loss, negative = sort_by_kind(path, table.kinds, kinds)
    paths = paths_of(data.train_path)
    root = paths[0] if len(paths) == 1 else "."
    known = {os.path.normpath(Path.cwd() / name): i for i, name in enumerate(images.names)}
    images_of = [full_name(root, name, known) for name in table.images]
    own = [known.get(name) for name in images_of]
    if all(index is None for index in own):
        raise UserError(
            f"{path} is of another data set: none of its {len(table)} images are among the "
            f"training images, the first is {table.images[0]}; name images by their path under "
            "data.train_path"
        )
    others = [full_name(root, name, known) for name in table.partners]
    _check(path, table, known, images_of, others)
    rows = [row for row, index in enumerate(own) if index is not None]
    if len(rows) < len(table):
        tell(
            f"{path}: {len(table) - len(rows)} pairs are of images that are not trained on, and "
            "are left out",
        )
    extra = list(dict.fromkeys(others[row] for row in rows if others[row] not in known))
    places = {name: len(images) + i for i, name in enumerate(extra)}
    pairs = np.array(
        [(own[row], known.get(others[row], places.get(others[row]))) for row in rows], np.int64
    )
    both = set(map(tuple, pairs[negative[rows]])) & set(map(tuple, pairs[~negative[rows]]))
    if both:
        row = rows[[tuple(pair) for pair in pairs].index(min(both))]
        raise UserError(
            f"{path}: {table.partners[row]} is a positive and a negative of {table.images[row]}; "
            "remove one of the two pairs"
        )
    return _Found(
        _with_extra(images, extra),
        len(images),
        pairs,
        table.weights[rows],
        [table.kinds[row] for row in rows],
        in_loss[rows] if has_weights(data) else None,
        negative[rows],
    )


def _check(
    path: Path,
    table: PairTable,
    known: dict[str, int],
    images: Sequence[str],
    others: Sequence[str],
) -> None:
    same = [i for i, name in enumerate(images) if name == others[i]]
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
