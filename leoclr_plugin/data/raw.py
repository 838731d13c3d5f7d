"""Read image files of any depth and number of channels as arrays of the levels that they hold."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageSequence, UnidentifiedImageError
from torchvision.io import decode_png

from leoclr_plugin.data.grey import FLOAT, INT32, check_zero_is_black, has_16_bits_in_32
from leoclr_plugin.data.size import check_size

NPY, _NPY_START = ".npy", b"\x93NUMPY"
# The types of levels whose range a file tells by its type alone.
_RANGES = {"uint8": (0, 255), "uint16": (0, 65535), "bool": (0, 1)}
_ONE = (0, 1)  # the range of levels of floating point
# TIFF's tags.
_BITS, _ORIENTATION, _SAMPLES, _SAMPLE_FORMAT = 258, 274, 277, 339
_UNSIGNED = 1
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_START = b"\x89PNG\r\n\x1a\n"
# Where a PNG has its size and its number of bits, and its kind of colours behind it.
_PNG_SIZE, _PNG_BITS, _PNG_GREY = 16, 24, 0
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_NUMBERS = "buif"  # numpy's kinds of dtypes: bool, unsigned, signed, floating point


@dataclass(frozen=True)
class Raw:
    """The levels of an image as its file holds them.

    Attributes:
        levels: ``[H, W, c]`` of any type of numbers, turned as a TIFF's orientation says.
        range: the lowest and the highest level of the file's type; None if the type does not tell.
        alpha: whether the last channel is the opacity.
    """

    levels: np.ndarray
    range: tuple[float, float] | None
    alpha: bool = False


def read_raw(path: str | Path, encoded: np.ndarray | None = None) -> Raw:
    """Read an image.

    PIL reads all files that it reads in full. torchvision reads PNGs of 16 bits in colour, numpy
    reads .npy, and tifffile reads TIFFs of several channels. A TIFF of several pages of one channel
    each is an image with these channels.

    Args:
        path: the path of the image's file, or its name if ``encoded`` holds it.
        encoded: the encoded image, uint8.

    Raises:
        ValueError: if the file is no image of numbers ``[H, W]`` or ``[H, W, c]``.
        ImportError: if tifffile is needed and missing.
        Exception: a damaged file can raise almost any kind of error in the readers.
    """
    start = _start_of(path, encoded)
    if is_npy(path, encoded):
        return _of_numpy(path, encoded)
    if start.startswith(_TIFF_STARTS):
        return _of_tiff(path, encoded)
    if start.startswith(_PNG_START) and start[_PNG_BITS] == 16 and start[-1] != _PNG_GREY:
        return _of_deep_png(np.fromfile(path, np.uint8) if encoded is None else encoded)
    with opened(path, encoded) as image:
        return _of_pil(image)


def is_npy(path: str | Path, encoded: np.ndarray | None = None) -> bool:
    """Whether an image is an array of numpy by the ending of its name, or by its first bytes."""
    if encoded is None:
        # A Path would put the name into Python's table of interned texts, once for each image.
        return os.fspath(path).lower().endswith(NPY)
    return bytes(encoded[: len(_NPY_START)]) == _NPY_START


@contextmanager
def opened(path: str | Path, encoded: np.ndarray | None = None) -> Iterator[Image.Image]:
    """Open an image with PIL, so that a TIFF is turned as its orientation says."""
    with _file_of(path, encoded) as file:
        is_tiff = file.read(len(_TIFF_STARTS[0])).startswith(_TIFF_STARTS)
        file.seek(0)
        # PIL maps the file of an uncompressed TIFF into memory if it knows the path. With an
        # orientation from 5 to 8 it then takes the height for the width.
        with Image.open(file if is_tiff or encoded is not None else path) as image:
            yield image


def _file_of(path: str | Path, encoded: np.ndarray | None) -> BinaryIO:
    return Path(path).open("rb") if encoded is None else io.BytesIO(encoded)


def _start_of(path: str | Path, encoded: np.ndarray | None) -> bytes:
    with _file_of(path, encoded) as file:
        return file.read(_PNG_BITS + 2)


def _of_numpy(path: str | Path, encoded: np.ndarray | None) -> Raw:
    if encoded is None:
        levels = np.load(path, mmap_mode="r", allow_pickle=False)
    else:
        levels = np.load(io.BytesIO(encoded), allow_pickle=False)
    if not isinstance(levels, np.ndarray) or levels.dtype.kind not in _NUMBERS:
        raise ValueError(f"it holds {getattr(levels, 'dtype', 'several arrays')}, and no numbers")
    if levels.ndim not in (2, 3) or not levels.size:
        raise ValueError(
            f"its shape is {list(levels.shape)}, and an image is [height, width] or "
            "[height, width, channels]"
        )
    check_size(*levels.shape[:2])
    return Raw(levels if levels.ndim == 3 else levels[..., None], _range_of(levels.dtype))


def _of_pil(image: Image.Image) -> Raw:
    mode = image.mode
    if mode in (FLOAT, INT32) or mode.startswith("I;16"):
        check_zero_is_black(image)
        levels = np.asarray(image)
        tags = getattr(image, "tag_v2", {})
        if has_16_bits_in_32(image):
            levels = levels.astype(np.uint16)
        elif mode == INT32 and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED:
            # PIL has no unsigned integers of 32 bits.
            levels = levels.view(np.uint32)
        twelve = tags.get(_BITS) == (12,)
        return Raw(levels[..., None], (0, 4095) if twelve else _range_of(levels.dtype))
    if mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB", *_ALPHA):
        image = image.convert("RGB")
    levels = np.asarray(image)
    return Raw(levels if levels.ndim == 3 else levels[..., None], _RANGES["uint8"], mode in _ALPHA)


def _of_deep_png(encoded: np.ndarray) -> Raw:
    width, height = struct.unpack_from(">II", encoded, _PNG_SIZE)
    check_size(height, width)
    levels = decode_png(torch.from_numpy(encoded)).permute(1, 2, 0).numpy()
    return Raw(levels, _range_of(levels.dtype), levels.shape[2] in (2, 4))


def _of_tiff(path: str | Path, encoded: np.ndarray | None) -> Raw:
    try:
        with opened(path, encoded) as image:
            if _pil_reads_all(image):
                return _joined([_of_pil(page) for page in ImageSequence.Iterator(image)])
    except UnidentifiedImageError:
        pass
    with _file_of(path, encoded) as file:
        return _by_tifffile(file)


def _pil_reads_all(image: Image.Image) -> bool:
    """Whether PIL reads all channels of a TIFF and all their bits."""
    samples = image.tag_v2.get(_SAMPLES, 1)
    if samples == 1:
        # PIL reads signed levels of 8 bits as unsigned.
        return image.mode != "L" or image.tag_v2.get(_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,)
    return samples == 3 and image.mode == "RGB" and set(image.tag_v2.get(_BITS, ())) == {8}


def _joined(pages: Sequence[Raw]) -> Raw:
    if len(pages) == 1:
        return pages[0]
    kinds = {(page.levels.shape, page.levels.dtype, page.range) for page in pages}
    if len(kinds) > 1 or pages[0].levels.shape[2] > 1:
        raise ValueError(f"its {len(pages)} pages are not channels of one size and type")
    return Raw(np.concatenate([page.levels for page in pages], axis=2), pages[0].range)


def _by_tifffile(opened_file: BinaryIO) -> Raw:
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(
            'it has channels that PIL does not read; pip install "leoclr-plugin[tiff]" reads them'
        ) from error
    with tifffile.TiffFile(opened_file) as file:
        if len(file.pages) > 1:
            raise ValueError(f"it has {len(file.pages)} pages of several channels; take one page")
        page = file.pages[0]
        check_size(page.imagelength, page.imagewidth)
        levels, axes = page.asarray(), page.axes
        tag = page.tags.get(_ORIENTATION)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            raise ValueError("its zero is white; save it with black as zero")
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise ValueError("its levels are the numbers of colours; save it without a palette")
        if sorted(axes) not in (["X", "Y"], ["S", "X", "Y"]):
            raise ValueError(f"its axes are {axes}, and an image has height, width and channels")
        opacities = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
        alpha = bool(page.extrasamples) and page.extrasamples[-1] in opacities
    levels = levels[..., None] if "S" not in axes else np.moveaxis(levels, axes.index("S"), -1)
    return Raw(turned(levels, 1 if tag is None else tag.value), _range_of(levels.dtype), alpha)


def turned(levels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn ``[H, W, c]`` as PIL's ``ImageOps.exif_transpose`` does for an orientation of 1 to 8."""
    if orientation in (5, 6, 7, 8):
        levels = levels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        levels = levels[::-1]
    if orientation in (2, 3, 6, 7):
        levels = levels[:, ::-1]
    return levels


def _range_of(dtype: np.dtype) -> tuple[float, float] | None:
    return _ONE if dtype.kind == "f" else _RANGES.get(dtype.newbyteorder("=").name)
