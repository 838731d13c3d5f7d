"""What every store of encoded images offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from leoclr_plugin.data.images import Encoded


class Store(Encoded, Protocol):
    """Encoded images in a fixed order, such as the files of a folder or the entries of a tar.

    Several threads may read at the same time, each image into memory of its own. A name is the path
    of the image's file, or the path of the file that holds it, a slash and the entry in it.

    Attributes:
        are_files: whether each image is a file, whose path is its name.
        labels: the number of each image's class ``[N]`` int64; None if no labels were asked for.
        classes: the names of the classes; empty without labels.
    """

    are_files: bool
    labels: np.ndarray | None
    classes: tuple[str, ...]


def number(texts: Sequence[str], codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number classes whose labels are texts.

    Classes have the order of their texts, or of their values if all are whole numbers.

    Args:
        texts: different texts in any order.
        codes: the index in ``texts`` of each image's label ``[N]``.

    Returns:
        The number of each image's class ``[N]`` int64, and the names of the classes. Both leave out
        the texts that no image has.
    """
    used = np.unique(codes)
    whole = all(text.removeprefix("-").isdecimal() for text in (texts[code] for code in used))
    order = sorted(used, key=lambda code: (int(texts[code]) if whole else 0, texts[code]))
    numbers = np.zeros(len(texts), np.int64)
    numbers[order] = np.arange(len(order))
    return numbers[codes], tuple(texts[code] for code in order)
