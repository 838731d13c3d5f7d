"""Open images, name those that cannot be opened, and list the images of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from leoclr_plugin.data.grey import eight_bits
from leoclr_plugin.data.left_out import LeftOut, is_left
from leoclr_plugin.data.levels import Levels, scale
from leoclr_plugin.data.raw import NPY, is_npy, opened, read_raw
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.terminal import printable

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", NPY)
_BAR_DELAY = 2.0  # seconds before a progress bar is shown


class Encoded(Protocol):
    """Encoded images, such as those of a store or a data set."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return the name of an image, for messages."""

    def read(self, index: int) -> np.ndarray:
        """Return an encoded image, uint8; raise UnreadableImage if it cannot be read."""


class UnreadableImage(UserError):
    """An image file that cannot be decoded; the text names the file, the reason and a remedy.

    Attributes:
        reason: the reason without the file's name.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


def open_rgb(path: str | Path, encoded: np.ndarray | None = None) -> Image.Image:
    """Decode an image to RGB of 8 bits; ``data.grey.eight_bits`` scales more bits.

    Args:
        path: the path of the image's file, or its name if ``encoded`` holds it.
        encoded: the encoded image, uint8.

    Raises:
        UnreadableImage: if the image cannot be decoded for any reason.
        MemoryError: if the memory runs out, which is not the file's fault.
    """
    with _naming(path):
        if is_npy(path, encoded):
            return picture_of(scale(read_raw(path, encoded), Levels()))
        with opened(path, encoded) as image:
            return eight_bits(image).convert("RGB")


def open_levels(path: str | Path, levels: Levels, encoded: np.ndarray | None = None) -> np.ndarray:
    """Decode an image of any depth to levels from 0 to 255, ``[H, W, C]`` float32.

    Args:
        path: see ``open_rgb``.
        levels: how the levels are read.
        encoded: see ``open_rgb``.

    Raises:
        UnreadableImage: if the image cannot be decoded, or its levels or channels are others than
            ``levels`` says.
        MemoryError: if the memory runs out.
    """
    with _naming(path):
        return scale(read_raw(path, encoded), levels)


def picture_of(image: np.ndarray) -> Image.Image:
    """Make an RGB picture of levels ``[H, W, C]``: the first three channels, or the first as grey.

    Args:
        image: levels from 0 to 255.
    """
    shown = image[..., :3] if image.shape[2] >= 3 else image[..., :1].repeat(3, axis=2)
    return Image.fromarray((shown + 0.5).clip(0, 255).astype(np.uint8))


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    # A damaged file can raise almost any kind of error in the many readers.
    except Exception as error:
        raise unreadable(path, _reason(error)) from error


def unreadable(path: str | Path, reason: str) -> UnreadableImage:
    """Return the error that says why the image at ``path`` cannot be read."""
    return UnreadableImage(f"{path} cannot be read: {reason}; mend or remove it", reason)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        # PIL would add the path, or the address of the bytes in memory.
        return "cannot identify image file"
    text = one_line(error)
    # A KeyError's text is only the key and an EOFError has none, so they need the error's name.
    needs_name = isinstance(error, LookupError) or not text
    return f"{type(error).__name__} {text}".rstrip() if needs_name else text


def find_unreadable(images: Encoded, levels: Levels | None = None) -> dict[int, str]:
    """Decode all images in parallel.

    Args:
        images: the images.
        levels: how their levels are read; None for RGB of 8 bits.

    Returns:
        The reason for each image that cannot be decoded, by its index.
    """

    def problem(index: int) -> str | None:
        try:
            name, encoded = images.name(index), images.read(index)
            open_rgb(name, encoded) if levels is None else open_levels(name, levels, encoded)
        except UnreadableImage as error:
            return error.reason
        return None

    indexes = range(len(images))
    with ThreadPool() as pool:
        reasons = tqdm(pool.imap(problem, indexes, 16), total=len(images), desc="Checking images")
        return {index: reason for index, reason in zip(indexes, reasons, strict=True) if reason}


@contextmanager
def naming_unreadable_images(dataset: Any, levels: Levels | None = None) -> Iterator[None]:
    """If reading an image fails inside, search all of ``dataset`` for unreadable images.

    Args:
        dataset: the data set.
        levels: how its levels are read; None for RGB of 8 bits.

    Raises:
        UserError: if an image cannot be read; it gives the number of unreadable images and the
            first of them.
    """
    try:
        yield
    except UnreadableImage as error:
        while hasattr(dataset, "dataset"):
            dataset = dataset.dataset
        problems = find_unreadable(dataset, levels)
        if not problems:
            raise UserError(str(error)) from error
        index, reason = next(iter(problems.items()))
        raise UserError(
            f"{len(problems)} of {len(dataset)} images cannot be read, the first is "
            f"{dataset.name(index)}: {reason}; mend or remove them, or train without them: "
            "leoclr check-data --help"
        ) from error


def list_images(folder: Path) -> list[Path]:
    """Return all image files under ``folder`` in a fixed order; links to folders are followed.

    Raises:
        UserError: if a link would list images twice, see ``walk_images``.
    """
    return sorted(Path(inner, name) for _, inner, names in walk_images(folder) for name in names)


def walk_images(folder: Path) -> Iterator[tuple[str | None, str, list[str]]]:
    """Walk through ``folder`` and all folders under it.

    Links are followed, because a subset of ImageNet is often a folder of links to its classes.
    What tools leave in folders is left out: hidden files and folders, and others that ``is_left``
    names. A line on stderr says what was left out, and which files have other endings.

    Yields:
        For each folder: the name of the top folder, which lies directly in ``folder`` and is or
        contains this one (None for ``folder`` itself); the folder's path; and the names of its
        images in no particular order.

    Raises:
        UserError: if a link leads to images that are listed without it.
    """
    listed_folders, left_out = _ListedFolders(folder), LeftOut(folder, EXTENSIONS)
    pending: list[tuple[str | None, str]] = [(None, os.fspath(folder))]
    with listing(folder) as bar:
        while pending:
            top, inner = pending.pop()
            names, folders, files = [], [], 0
            with os.scandir(inner) as entries:
                for entry in entries:
                    if left_out.takes(entry):
                        continue
                    if _is_folder(entry):
                        folders.append(entry)
                        continue
                    files += 1
                    names.append(entry.name)
            for entry in sorted(folders, key=lambda entry: entry.name, reverse=True):
                if entry.is_symlink():
                    listed_folders.add(entry.path)
                pending.append((top or entry.name, entry.path))
            bar.update(files)
            yield top, inner, names
    left_out.tell()


def class_folders(root: Path) -> list[str]:
    """Return the sorted names of the folders in ``root`` that are classes."""
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if _is_folder(entry) and not is_left(entry))


class _ListedFolders:
    """The first folder of a listing and the targets of its links, by their real paths.

    Every other folder lies under one of these, so only links need to be checked.
    """

    def __init__(self, folder: Path) -> None:
        self._listed: dict[str, str] = {}
        # The parents of the listed folders. A link to a parent would list the folder again.
        self._parents: dict[str, str] = {}
        self.add(os.fspath(folder))

    def add(self, path: str) -> None:
        real = os.path.realpath(path)
        parents = list(map(str, Path(real).parents))
        other = next((self._listed[p] for p in (real, *parents) if p in self._listed), None)
        other = other or self._parents.get(real)
        if other is not None:
            raise UserError(
                f"{path} is a link to {real}, but its images are also listed under {other} and "
                "would be taken twice; remove the link"
            )
        self._listed[real] = path
        self._parents |= dict.fromkeys(parents, path)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # The entry is a link to itself.
        return False


def listing(folder: Path) -> tqdm:
    """Return a progress bar that counts the files of a folder, shown if the listing takes seconds.

    The bar is shown on a terminal only. In the log of a job, every process would write its own.
    """
    return tqdm(
        desc=printable(f"Listing {folder}"),
        unit=" files",
        delay=_BAR_DELAY,
        leave=False,
        disable=None,
    )
