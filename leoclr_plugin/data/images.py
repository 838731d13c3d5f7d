"""Opening images, and naming those that cannot be opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_SECONDS = 2.0  # before a bar is shown
_BAD_FILE = (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError)


class UnreadableImage(Exception):
    """An image file that PIL cannot decode; its text is the path and the reason."""


def open_rgb(path: str | Path) -> Image.Image:
    """Decode an image file to RGB, of 16 bits as DALI does, by its high bytes.

    Raises:
        UnreadableImage: where it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            # Which PIL itself makes white wherever a level is above 255; before 10.3 its PNGs
            # are of mode I.
            if image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PNG"):
                levels = np.asarray(image)
                return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB")
            return image.convert("RGB")
    except _BAD_FILE as error:
        raise UnreadableImage(f"{path}: {error}") from error


def find_unreadable(paths: Sequence[str | Path]) -> dict[str, str]:
    """Decode all files, in parallel.

    Returns:
        The path of each file that cannot be decoded, and why.
    """

    def problem(path: str | Path) -> str | None:
        try:
            open_rgb(path)
        except UnreadableImage as error:
            return str(error).removeprefix(f"{path}: ")
        return None

    with ThreadPool() as pool:
        reasons = tqdm(pool.imap(problem, paths, 16), total=len(paths), desc="Checking images")
        return {str(path): reason for path, reason in zip(paths, reasons, strict=True) if reason}


def list_images(folder: Path) -> list[Path]:
    """All image files under ``folder``, in a fixed order; in folders that are links too.

    A part of ImageNet is often a folder of links to its classes, and torchvision follows them.
    """
    paths = []
    with listing(folder) as bar:
        for inner, _, names in os.walk(folder, followlinks=True):
            bar.update(len(names))
            paths += [Path(inner, name) for name in names]
    return sorted(path for path in paths if path.suffix.lower() in EXTENSIONS)


def listing(folder: Path) -> tqdm:
    """A bar that counts the files of a folder, seen where that takes seconds, as over a network.

    On a terminal alone: in a file of a cluster's job all processes would write theirs.
    """
    return tqdm(desc=f"Listing {folder}", unit=" files", delay=_SECONDS, leave=False, disable=None)
