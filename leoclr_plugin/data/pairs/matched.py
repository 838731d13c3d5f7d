"""The two matched sets of a curated study: pairs of instances, and augmented pairs of one image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leoclr_plugin.data.pairs.places import Placed


@dataclass(frozen=True)
class Matched:
    """Images and their pairs of different instances of one class.

    A training on the images without the pairs is the control: it has the same images, the same
    classes and the same number of training pairs, each of two views of one image.

    Attributes:
        images: the indexes of the images ``[M]``, in order. Each has a partner among them.
        pairs: the image and the partner of each pair ``[P, 2]``; each pair from both sides.
        rows: the row ``[P]`` of the file that each comes from.
        other_class: the number of pairs that were left out because their classes differ.
        unknown: the number of those left out because a class is unknown.
    """

    images: np.ndarray
    pairs: np.ndarray
    rows: np.ndarray
    other_class: int
    unknown: int


def match(placed: Placed) -> Matched:
    """Keep the pairs of one class, and add each pair's other side if it is missing.

    With both sides, every image that is a partner is also an image of the training, so that the two
    trainings see the same images.

    Args:
        placed: the pairs of the file.
    """
    kept = np.flatnonzero((placed.same == 1) & (placed.images != placed.partners))
    pairs = np.stack([placed.images[kept], placed.partners[kept]], axis=1)
    # The rows of the file come first, so that a side that it has keeps its own score and weight.
    both, rows = np.concatenate([pairs, pairs[:, ::-1]]), np.concatenate([kept, kept])
    pairs, first = np.unique(both, axis=0, return_index=True)
    return Matched(
        np.unique(pairs),
        pairs,
        rows[first],
        int((placed.same == 0).sum()),
        int((placed.same == -1).sum()),
    )


def pairs_by_class(matched: Matched, labels: Sequence[str | list[str] | None]) -> dict[str, int]:
    """Count the images of each class, which is the number of its training pairs in an epoch."""
    classes: Counter[str] = Counter()
    for index in matched.images.tolist():
        label = labels[index]
        classes.update([label] if isinstance(label, str) else label or ())
    return dict(sorted(classes.items()))
