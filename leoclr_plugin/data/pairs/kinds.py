"""The kinds of pairs: what a pair of each kind weighs in the loss, and which are negatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.errors import UserError


@dataclass(frozen=True)
class Kind:
    """A kind of pairs.

    Attributes:
        weight: a factor of at least 0: of the terms of such a pair in the loss, or for a negative
            of its part of the denominator.
        negative: whether the partner is pushed away from the image.
    """

    weight: float
    negative: bool


def kinds_of(data: DictConfig) -> dict[str, Kind]:
    """Return the kinds of ``data.pairs.kinds`` by name; empty if it names none."""
    kinds = OmegaConf.select(data, "pairs.kinds") or {}
    return {name: Kind(node.weight, node.negative) for name, node in kinds.items()}


def has_negatives(data: DictConfig) -> bool:
    """Return whether a kind of ``data.pairs.kinds`` is one of negatives."""
    return any(kind.negative for kind in kinds_of(data).values())


def has_weights(data: DictConfig) -> bool:
    """Return whether the kinds change the loss: one is of negatives, or has not the weight 1."""
    return any(kind.negative or kind.weight != 1 for kind in kinds_of(data).values())


def sort_by_kind(
    path: Path, names: Sequence[str], kinds: dict[str, Kind]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight ``[P]`` of each pair in the loss, and whether it is a negative ``[P]``.

    Args:
        path: the file of pairs, for messages.
        names: the kind of each pair in it; empty texts for those without one.
        kinds: the known kinds; without any, all pairs are positives of weight 1.

    Raises:
        UserError: if a pair is of no known kind, or a known kind has no pair.
    """
    if not kinds:
        return np.ones(len(names)), np.zeros(len(names), bool)
    counts = Counter(names)
    without = counts.pop("", 0)
    if without:
        raise UserError(
            f"{path}: {without} of {len(names)} pairs have no kind, which data.pairs.kinds needs; "
            "fill in the column kind, or leave data.pairs.kinds out"
        )
    for name, count in counts.items():
        if name not in kinds:
            raise UserError(
                f"{path}: {count} pairs are of the kind {name}, which data.pairs.kinds does not "
                f"name; add data.pairs.kinds.{name}.weight=1, or remove these pairs"
            )
    unused = [name for name in kinds if name not in counts]
    if unused:
        raise UserError(
            f"data.pairs.kinds.{unused[0]}: {path} has no pair of this kind, only of "
            f"{', '.join(counts)}; correct the name, or leave it out"
        )
    found = [kinds[name] for name in names]
    weights, negative = [kind.weight for kind in found], [kind.negative for kind in found]
    return np.array(weights, float), np.array(negative, bool)


def in_words(names: Sequence[str], kinds: dict[str, Kind]) -> str:
    """Return how many pairs there are of each kind, and what becomes of them, in one line.

    Args:
        names: the kind of each pair.
        kinds: the known kinds.
    """
    parts = []
    for name, count in Counter(names).items():
        kind = kinds.get(name)
        roles = "" if kind is None else f" ({'negatives, ' * kind.negative}weight {kind.weight:g})"
        parts.append(f"{name or 'no kind'} {count}{roles}")
    end = "" if kinds else "; all are positives of weight 1 without data.pairs.kinds"
    return f"Pairs of each kind: {', '.join(parts)}{end}"
