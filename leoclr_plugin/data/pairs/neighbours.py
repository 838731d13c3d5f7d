"""Keep the neighbours of all images in files, so that an interrupted search goes on."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from leoclr_plugin.data.pairs.search import Found, Search
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.system.files import read_json, whole_file, write_json

_ABOUT = "_about.json"
_PART = "part-{:06}.npz"
# An interruption loses at most the search for these images.
_IMAGES_A_PART = 4096


def find_neighbours(
    search: Callable[[], Search], count: int, k: int, folder: Path, about: dict[str, Any]
) -> Iterator[tuple[int, Found]]:
    """Find the neighbours of all images, or read what an earlier call found.

    Args:
        search: makes the search; it is not called if all is there.
        count: the number N of images.
        k: the number of neighbours of each, less than N.
        folder: where they are kept.
        about: what the neighbours depend on.

    Yields:
        The index of the first of some images, and their neighbours.

    Raises:
        UserError: if the folder holds neighbours of something else, or is damaged.
    """
    if folder.exists():
        if not (folder / _ABOUT).is_file() or read_json(folder / _ABOUT) != about:
            raise UserError(
                f"{folder} holds the neighbours of other features; remove the folder, or name "
                "another --out"
            )
    else:
        folder.mkdir(parents=True)
        write_json(folder / _ABOUT, about)
    starts = range(0, count, _IMAGES_A_PART)
    missing = [i for i in range(len(starts)) if not (folder / _PART.format(i)).is_file()]
    if missing:
        _search(search(), count, k, folder, missing)
    for number, first in enumerate(starts):
        yield first, _read(folder / _PART.format(number))


def _search(search: Search, count: int, k: int, folder: Path, missing: list[int]) -> None:
    there = count - sum(min(_IMAGES_A_PART, count - i * _IMAGES_A_PART) for i in missing)
    with tqdm(total=count, initial=there, desc="Neighbours", unit=" images") as bar:
        for number in missing:
            first = number * _IMAGES_A_PART
            stop = min(first + _IMAGES_A_PART, count)
            cosines, indexes = search(first, stop, k)
            with whole_file(folder / _PART.format(number)) as part, part.open("wb") as file:
                np.savez(file, cosines=cosines, indexes=indexes)
            bar.update(stop - first)


def _read(path: Path) -> Found:
    try:
        with np.load(path) as content:
            return content["cosines"], content["indexes"]
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
        raise UserError(f"{path} is damaged: {one_line(error)}; remove it") from error
