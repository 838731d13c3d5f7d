"""Opening images, naming those that cannot be opened, and listing them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tqdm import tqdm

from leoclr_plugin.data.grey import eight_bits
from leoclr_plugin.errors import UserError, one_line

if TYPE_CHECKING:
    from torch.utils.data import Dataset

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_SECONDS = 2.0  # before a bar is shown


class UnreadableImage(UserError):
    """An image file that cannot be decoded; its text names the file, the reason and what to do.

    Attributes:
        reason: why, without the file's name; empty where a loader's worker process raised it.
    """

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


def open_rgb(path: str | Path) -> Image.Image:
    """Decode an image file to RGB, deep grey levels as ``data.grey.eight_bits`` scales them.

    Raises:
        UnreadableImage: where it cannot be decoded, whatever PIL says of it.
        MemoryError: where there is no room for it, which is not the file's fault.
    """
    try:
        with Image.open(path) as image:
            return eight_bits(image).convert("RGB")
    except MemoryError:
        raise
    # A damaged file can raise nearly anything in PIL's many readers.
    except Exception as error:
        raise unreadable(path, _reason(error)) from error


def unreadable(path: str | Path, reason: str) -> UnreadableImage:
    """The error that says why the image at ``path`` cannot be read."""
    return UnreadableImage(f"{path} cannot be read: {reason}; mend or remove it", reason)


def _reason(error: Exception) -> str:
    text = one_line(error)
    # The text of a lookup's error is the key alone.
    named = isinstance(error, LookupError) or not text
    return f"{type(error).__name__} {text}".rstrip() if named else text


def find_unreadable(paths: Sequence[str | Path]) -> dict[str, str]:
    """Decode all files, in parallel.

    Returns:
        The path of each file that cannot be decoded, and why.
    """

    def problem(path: str | Path) -> str | None:
        try:
            open_rgb(path)
        except UnreadableImage as error:
            return error.reason
        return None

    with ThreadPool() as pool:
        reasons = tqdm(pool.imap(problem, paths, 16), total=len(paths), desc="Checking images")
        return {str(path): reason for path, reason in zip(paths, reasons, strict=True) if reason}


@contextmanager
def naming_unreadable_images(dataset: Dataset) -> Iterator[None]:
    """Where reading an image fails within, look through all of ``dataset`` and name the bad ones.

    Raises:
        UserError: with the number of unreadable images and the first of them.
    """
    try:
        yield
    except UnreadableImage as error:
        while hasattr(dataset, "dataset"):
            dataset = dataset.dataset
        paths = [path for path, _ in dataset.samples]
        problems = find_unreadable(paths)
        if not problems:
            # A worker's error has its traceback before its own text.
            own = str(error).splitlines()[-1].rpartition(f"{UnreadableImage.__name__}: ")[2]
            raise UserError(own) from error
        path, reason = next(iter(problems.items()))
        raise UserError(
            f"{len(problems)} of {len(paths)} images cannot be read, the first is {path}: "
            f"{reason}; mend or remove them, or train without them: leoclr check-data --help"
        ) from error


def list_images(folder: Path) -> list[Path]:
    """All image files under ``folder``, in a fixed order; in folders that are links too.

    Raises:
        UserError: for a link that would list images twice, see ``walk_images``.
    """
    return sorted(Path(inner, name) for _, inner, names in walk_images(folder) for name in names)


def walk_images(folder: Path) -> Iterator[tuple[str | None, str, list[str]]]:
    """Look through ``folder`` and the folders in it, following links.

    A part of ImageNet is often a folder of links to its classes.

    Yields:
        The name of the folder directly under ``folder`` that this is or lies in, None for
        ``folder`` itself; the path; and the names of the images in it, in no order.

    Raises:
        UserError: for a link to a folder that is listed without it, or that holds one that is.
    """
    listed = _Listed(folder)
    pending: list[tuple[str | None, str]] = [(None, os.fspath(folder))]
    with listing(folder) as bar:
        while pending:
            top, inner = pending.pop()
            names, folders, files = [], [], 0
            with os.scandir(inner) as entries:
                for entry in entries:
                    if _is_folder(entry):
                        folders.append(entry)
                        continue
                    files += 1
                    if entry.name.lower().endswith(EXTENSIONS):
                        names.append(entry.name)
            for entry in sorted(folders, key=lambda entry: entry.name, reverse=True):
                if entry.is_symlink():
                    listed.add(entry.path)
                pending.append((top or entry.name, entry.path))
            bar.update(files)
            yield top, inner, names


class _Listed:
    """The folders that a listing was told of or came to by a link, by their real paths.

    A real folder lies under one of these, so that only links need to be looked at.
    """

    def __init__(self, folder: Path) -> None:
        self._shown: dict[str, str] = {}
        self._holding: dict[str, str] = {}
        self.add(os.fspath(folder))

    def add(self, path: str) -> None:
        real = os.path.realpath(path)
        above = list(map(str, Path(real).parents))
        other = next((self._shown[at] for at in (real, *above) if at in self._shown), None)
        other = other or self._holding.get(real)
        if other is not None:
            raise UserError(
                f"{path} is a link to {real}, whose images are listed under {other} as well and "
                "would be taken twice; remove the link"
            )
        self._shown[real] = path
        self._holding |= dict.fromkeys(above, path)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def listing(folder: Path) -> tqdm:
    """A bar that counts the files of a folder, seen where that takes seconds, as over a network.

    On a terminal alone: in a file of a cluster's job all processes would write theirs.
    """
    return tqdm(desc=f"Listing {folder}", unit=" files", delay=_SECONDS, leave=False, disable=None)
