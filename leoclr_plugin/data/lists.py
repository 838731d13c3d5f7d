"""Lists of the images to take from a folder: a text file with a name on each line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import read_text

_BYTE_ORDER_MARK = "\ufeff"


def keep_listed(dataset: Any, root: Path, listed: Path, key: str) -> None:
    """Leave only the listed images in a data set, in the data set's own order.

    A name is the image's path under ``root``, or its whole path. Blank lines, a byte order mark,
    and spaces and carriage returns around a name are passed over, unless the file's own name has
    them. An image that is listed twice is taken once, and a line on stderr says so.

    Args:
        dataset: of image files, with ``samples`` and ``targets``; changed in place.
        root: the data set's folder.
        listed: the list.
        key: the setting that names it, as the user writes it.

    Raises:
        UserError: where the list is not there or names no image, and for names that are none of
            the folder's images.
    """
    if not listed.is_file():
        raise UserError(f"{key}={listed} is not a file; leoclr check-data --write-list makes one")
    # Every spelling of a path, such as ./a.png, is brought to one.
    here = Path.cwd()
    places = {os.path.normpath(here / path): i for i, (path, _) in enumerate(dataset.samples)}
    taken: set[int] = set()
    missing, repeated = [], []
    for line in read_text(listed).removeprefix(_BYTE_ORDER_MARK).split("\n"):
        if not line.strip():
            continue
        spellings = (line, line.rstrip("\r"), line.strip())
        paths = (os.path.normpath(here / root / name) for name in spellings)
        place = next((places[path] for path in paths if path in places), None)
        if place is None:
            missing.append(line.strip())
        elif place in taken:
            repeated.append(line.strip())
        else:
            taken.add(place)
    if missing:
        raise UserError(
            f"{key}={listed} has {len(missing)} names of {len(missing) + len(taken)} that are no "
            f"images under {root}, the first is {missing[0]}; correct the list, or write it anew: "
            "leoclr check-data --write-list"
        )
    if not taken:
        raise UserError(f"{key}={listed} names no image; list some that are under {root}")
    if repeated:
        print(
            f"{key}={listed} has {len(repeated)} images more than once, the first is "
            f"{repeated[0]}; each is taken once",
            file=sys.stderr,
        )
    dataset.samples = [dataset.samples[place] for place in sorted(taken)]
    dataset.targets = [target for _, target in dataset.samples]
