"""Opening images, and naming those that cannot be opened."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_BAD_FILE = (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError)


class UnreadableImage(Exception):
    """An image file that PIL cannot decode; its text is the path and the reason."""


def open_rgb(path: str | Path) -> Image.Image:
    """Decode an image file to RGB.

    Raises:
        UnreadableImage: where it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except _BAD_FILE as error:
        raise UnreadableImage(f"{path}: {error}") from error


def find_unreadable(paths: Sequence[str | Path]) -> list[str]:
    """Decode all files, in parallel, and describe those that cannot be decoded."""

    def problem(path: str | Path) -> str | None:
        try:
            open_rgb(path)
        except UnreadableImage as error:
            return str(error)
        return None

    with ThreadPoolExecutor() as pool:
        problems = tqdm(pool.map(problem, paths), total=len(paths), desc="Looking for bad images")
        return [text for text in problems if text]


def list_images(folder: Path) -> list[Path]:
    """All image files under ``folder``, in a fixed order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)
