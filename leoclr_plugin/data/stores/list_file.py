"""Images that a text file lists."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.stores.names import Names
from leoclr_plugin.data.stores.store import number
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import open_text


def list_store(path: Path, labelled: bool) -> FileStore:
    """Read a list: one image on each line, and after a tab its label if there are labels.

    Paths are relative to the list's folder. Blank lines are ignored. Whether the files are there
    shows when they are read; only the first is looked at here.

    Raises:
        UserError: if the list is missing or empty, has a line without a label where labels are
            asked for, or if its first file is not there.
    """
    if not path.is_file():
        raise UserError(f"the list {path} is not there; name a text file with a path on each line")
    codes, known, counted = array("q"), {}, 0

    def paths() -> Iterator[str]:
        nonlocal counted
        with open_text(path) as lines:
            for place, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                image, tab, label = line.rstrip("\r\n").partition("\t")
                counted += 1
                if labelled:
                    if not (tab and label.strip()):
                        raise UserError(
                            f"{path}, line {place}: {image} has no label; write it after a tab, or "
                            "set data.no_labels=True"
                        )
                    codes.append(known.setdefault(label.strip(), len(known)))
                yield image if image.startswith("/") else f"{path.parent}/{image}"

    names = Names.of(paths())
    if not counted:
        raise UserError(f"the list {path} names no image; write the path of one on each line")
    if not Path(names[0]).is_file():
        raise UserError(
            f"{path}: its first image {names[0]} is not there; paths are relative to the list's "
            "folder, and a label follows after a tab"
        )
    labels, classes = number(list(known), np.array(codes)) if labelled else (None, ())
    return FileStore([""], [0], names, labels, classes)
