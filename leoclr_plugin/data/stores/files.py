"""Images that are files of their own: those of one or more folders, or of a list."""

from __future__ import annotations

import os
from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from leoclr_plugin.data.images import EXTENSIONS, class_folders, unreadable, walk_images
from leoclr_plugin.data.stores.names import Names
from leoclr_plugin.errors import UserError, one_line


class FileStore:
    """Files, see ``Store``. Each folder's path is kept once, not with each of its files."""

    are_files = True

    def __init__(
        self,
        folders: Sequence[str],
        starts: Sequence[int],
        names: Names,
        labels: np.ndarray | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Keep the paths.

        Args:
            folders: the folders of the files. An empty one adds nothing to a name.
            starts: the index of each folder's first file.
            names: the names of the files in their folders.
            labels: see ``Store``.
            classes: see ``Store``.
        """
        self._folders, self._starts, self._names = Names.of(folders), np.array(starts), names
        self.labels, self.classes = labels, tuple(classes)

    @classmethod
    def of_paths(cls, paths: Sequence[str | Path]) -> FileStore:
        """Keep files without labels."""
        return cls([""], [0], Names.of(str(path) for path in paths))

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Return the path of a file."""
        folder = self._folders[int(np.searchsorted(self._starts, index, "right")) - 1]
        return f"{folder}{os.sep}{self._names[index]}" if folder else self._names[index]

    def read(self, index: int) -> np.ndarray:
        """Return the content of a file."""
        path = self.name(index)
        try:
            return np.fromfile(path, np.uint8)
        except OSError as error:
            raise unreadable(path, one_line(error)) from error


def folder_store(roots: Sequence[Path], labelled: bool) -> FileStore:
    """List the images of folders.

    Args:
        roots: the folders, one after the other.
        labelled: whether each image lies in a class folder. Folders of one name are one class.

    Raises:
        UserError: if a folder is missing, empty or listed twice, if labels are asked for and it has
            no class folders or an empty one, and if a link would list images twice.
    """
    check_folders(roots)
    _check_apart(roots)
    classes = class_names_of(roots) if labelled else ()
    numbers = {name: number for number, name in enumerate(classes)}
    folders, starts, parts, labels = [], [0], [], []
    for root in roots:
        for label, folder, names in _labelled(root) if labelled else _unlabelled(root):
            folders.append(folder)
            parts.append(names)
            starts.append(starts[-1] + len(names))
            labels.append(numbers.get(label, -1))
        if starts[-1] == 0:
            raise UserError(f"the data folder {root} holds no image ({', '.join(EXTENSIONS)})")
    repeats = np.diff(starts)
    return FileStore(
        folders,
        starts[:-1],
        Names.joined(parts),
        np.repeat(np.array(labels, np.int64), repeats) if labelled else None,
        classes,
    )


def check_folders(roots: Sequence[str | Path]) -> None:
    """Check that folders are there.

    Raises:
        UserError: if one is missing.
    """
    for root in roots:
        if not Path(root).is_dir():
            raise UserError(
                f"the data folder {root} is not there; set data.train_path, data.val_path"
            )


def class_names_of(roots: Sequence[Path]) -> list[str]:
    """Return the sorted names of the class folders of all folders."""
    return sorted({name for root in roots for name in class_folders(root)})


# The class of some files, their folder and their names.
Part = tuple[str | None, str, Names]


def _labelled(root: Path) -> list[Part]:
    """List the images of class folders in torchvision's order."""
    if not class_folders(root):
        count = sum(len(names) for _, _, names in walk_images(root))
        if not count:
            raise UserError(f"the data folder {root} is empty")
        raise UserError(
            f"the data folder {root} has {count} images but no class folders; put the images of "
            "each class into a folder of its own, or set data.no_labels=True"
        )
    listed = [
        (label, folder, Names.of(sorted(names)))
        for label, folder, names in walk_images(root)
        if label is not None
    ]
    empty = set(class_folders(root)) - {label for label, _, names in listed if len(names)}
    if empty:
        raise UserError(
            f"the data folder {root} has {len(empty)} class folders without an image, the first is "
            f"{min(empty)}; images end in {', '.join(EXTENSIONS)}"
        )
    return sorted(listed, key=lambda part: part[:2])


def _unlabelled(root: Path) -> list[Part]:
    """List all images of a folder in the order of their paths, compared part by part."""
    walked = [(folder, Names.of(sorted(names))) for _, folder, names in walk_images(root)]
    inner = defaultdict(list)
    for folder, _ in walked:
        outer, _, name = folder.rpartition(os.sep)
        inner[outer].append(name)
    listed = []
    for folder, names in walked:
        # A folder may lie between two images of this one, so these are divided there.
        edges = {0, len(names)}
        if len(names) and folder in inner:
            texts = list(names)
            edges |= {bisect(texts, name) for name in inner[folder]}
        for start, stop in pairwise(sorted(edges)):
            listed.append((None, folder, names.part(start, stop)))
    # In a path's order, a separator comes before any other character.
    return sorted(listed, key=lambda part: f"{part[1]}/{part[2][0]}".replace("/", "\0"))


def _check_apart(roots: Sequence[Path]) -> None:
    real = [root.resolve() for root in roots]
    for i, first in enumerate(real):
        for j, second in enumerate(real):
            if i != j and (first == second or first in second.parents):
                raise UserError(
                    f"the images of {roots[j]} are also listed under {roots[i]} and would be taken "
                    "twice; name one of the two folders"
                )
