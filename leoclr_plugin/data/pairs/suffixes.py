"""Partners that lie beside their image and are named by a suffix, such as ``a_sc_cf.png``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath


def partners_by_suffix(names: Iterable[str], suffixes: Sequence[str]) -> dict[int, int]:
    """Find the images whose name is that of another image and a suffix.

    Args:
        names: the names of all images, with their folders and endings, which may differ.
        suffixes: patterns with ``*`` and ``?``, such as ``_sc_cf`` and ``_s*``.

    Returns:
        The index of the image for the index of each partner. If several images fit, it is the one
        with the longest name.
    """
    stems = [str(PurePath(name).with_suffix("")) for name in names]
    places = {stem: index for index, stem in enumerate(stems)}
    found = {}
    for index, stem in enumerate(stems):
        # The name before a suffix has at least one letter behind its folder.
        shortest = stem.rfind(os.sep) + 2
        for end in range(len(stem) - 1, shortest - 1, -1):
            image = places.get(stem[:end])
            if image is not None and any(fnmatchcase(stem[end:], s) for s in suffixes):
                found[index] = image
                break
    # A partner of a partner belongs to the image itself.
    return {index: _root(found, image) for index, image in found.items()}


def _root(found: dict[int, int], index: int) -> int:
    while index in found:
        index = found[index]
    return index
