"""Lists of the images to use from a folder: text files with one name in each line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from leoclr_plugin.data.stored import Images
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import read_text, write_text
from leoclr_plugin.terminal import tell


def write_list(path: Path, names: Iterable[str]) -> None:
    """Write a list of images, which ``keep_listed`` reads again.

    Raises:
        UserError: if a name has a line break, or the file cannot be written.
    """
    names = list(names)
    broken = next((name for name in names if "\n" in name or "\r" in name), None)
    if broken is not None:
        raise UserError(
            f"{path} cannot name the image {broken!r}, which has a line break; rename the image"
        )
    write_text(path, "".join(f"{name}\n" for name in names))


def keep_listed(dataset: Images, root: Path, listed: Path, key: str) -> Images:
    """Return the data set of the listed images, in the order of the given data set.

    A name is the image's path under ``root``, its absolute path, or the name of the file alone if
    only one image has it, as in the published lists of ImageNet. Blank lines and a byte order mark
    are ignored, as are spaces and carriage returns around a name, unless they are part of the
    file's name. An image that is listed twice is taken once, and a message on stderr says so.

    Args:
        dataset: the images.
        root: the data set's folder; an empty path if the images do not lie in one folder.
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
    indexes = {os.path.normpath(cwd / path): i for i, path in enumerate(dataset.names)}
    alone: dict[str, int] = {}
    taken: set[int] = set()
    missing, repeated = [], []
    for line in read_text(listed).split("\n"):
        if not line.strip():
            continue
        spellings = (line, line.rstrip("\r"), line.strip())
        paths = (os.path.normpath(cwd / root / name) for name in spellings)
        index = next((indexes[path] for path in paths if path in indexes), None)
        if index is None and "/" not in line:
            alone = alone or _by_file_name(indexes)
            index = alone.get(line.strip())
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
        tell(
            f"{key}={listed} has {len(repeated)} names of images that it lists already, the first "
            f"is {repeated[0]}; each image is taken once",
        )
    return dataset.take(sorted(taken))


def _by_file_name(indexes: dict[str, int]) -> dict[str, int]:
    """Return the indexes of images by the names of their files, without those of several images."""
    found: dict[str, int] = {}
    repeated = set()
    for path, index in indexes.items():
        name = path.rpartition(os.sep)[2]
        if name in found:
            repeated.add(name)
        found[name] = index
    return {name: index for name, index in found.items() if name not in repeated}
