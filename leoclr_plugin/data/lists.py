"""Lists of the images to use from a folder: text files with one name in each line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import read_text


def keep_listed(dataset: Any, root: Path, listed: Path, key: str) -> None:
    """Remove the images that are not listed from a data set, which keeps its own order.

    A name is the image's path under ``root`` or its absolute path. Blank lines and a byte order
    mark are ignored, as are spaces and carriage returns around a name, unless they are part of the
    file's name. An image that is listed twice is taken once, and a message on stderr says so.

    Args:
        dataset: a data set of image files with ``samples`` and ``targets``; changed in place.
        root: the data set's folder.
        listed: the path of the list.
        key: the setting that names the list, as the user writes it.

    Raises:
        UserError: if the list is missing, names no image, or has names that are not images of the
            folder.
    """
    if not listed.is_file():
        raise UserError(f"{key}={listed} is not a file; leoclr check-data --write-list makes one")
    # Normalised absolute paths are the same for all spellings, such as a.png and ./a.png.
    cwd = Path.cwd()
    indexes = {os.path.normpath(cwd / path): i for i, (path, _) in enumerate(dataset.samples)}
    taken: set[int] = set()
    missing, repeated = [], []
    for line in read_text(listed).split("\n"):
        if not line.strip():
            continue
        spellings = (line, line.rstrip("\r"), line.strip())
        paths = (os.path.normpath(cwd / root / name) for name in spellings)
        index = next((indexes[path] for path in paths if path in indexes), None)
        if index is None:
            missing.append(line.strip())
        elif index in taken:
            repeated.append(line.strip())
        else:
            taken.add(index)
    if missing:
        raise UserError(
            f"{key}={listed} has {len(missing)} names of {len(missing) + len(taken)} that are not "
            f"images under {root}, the first is {missing[0]}; correct the list, or write it again "
            "with leoclr check-data --write-list"
        )
    if not taken:
        raise UserError(f"{key}={listed} names no image; list images that are under {root}")
    if repeated:
        print(
            f"{key}={listed} has {len(repeated)} names of images that it lists already, the first "
            f"is {repeated[0]}; each image is taken once",
            file=sys.stderr,
        )
    dataset.samples = [dataset.samples[index] for index in sorted(taken)]
    dataset.targets = [target for _, target in dataset.samples]
