"""Decode image files to arrays: torchvision decodes JPEGs faster than PIL, which reads the rest."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.io import decode_jpeg

from leoclr_plugin.data.images import open_levels, open_rgb
from leoclr_plugin.data.levels import Levels

# The markers that start a JPEG's frame, which holds the image's size.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# A JPEG's sides have 16 bits.
_MOST_PIXELS = 2**32


def decode_rgb(path: str | Path, encoded: np.ndarray | None = None) -> np.ndarray:
    """Decode an image to RGB, ``[H, W, 3]`` uint8.

    Args:
        path: the path of the image's file, or its name if ``encoded`` holds it.
        encoded: the encoded image, uint8.

    Raises:
        UnreadableImage: if the image cannot be decoded; it gives the name and the reason.
    """
    image = _decode_jpeg(path, encoded)
    if image is None:
        return np.array(open_rgb(path, encoded))
    return image.expand(-1, -1, 3).contiguous().numpy()


def decode(
    path: str | Path, levels: Levels | None, encoded: np.ndarray | None = None
) -> np.ndarray:
    """Decode an image as ``levels`` says, or as ``decode_rgb`` does without.

    Returns:
        Levels from 0 to 255, ``[H, W, C]``: float32, or uint8 without ``levels``.

    Raises:
        UnreadableImage: if the image cannot be decoded, see ``open_levels``.
    """
    if levels is None:
        return decode_rgb(path, encoded)
    if levels.range is None:
        image = _decode_jpeg(path, encoded)
        if image is not None and image.shape[2] == levels.channels:
            return image.contiguous().numpy().astype(np.float32)
    return open_levels(path, levels, encoded)


def _decode_jpeg(path: str | Path, encoded: np.ndarray | None) -> torch.Tensor | None:
    """Decode a JPEG of ordinary size and colours to ``[H, W, 1 or 3]`` uint8.

    Returns:
        None for any other file, and for one that torchvision cannot decode.
    """
    try:
        encoded = np.fromfile(path, np.uint8) if encoded is None else encoded
        height, width, channels = _frame(memoryview(encoded)) or (0, 0, 0)
        # PIL has its own rules for CMYK, and refuses images of a size that may exhaust the memory.
        if channels not in (1, 3) or height * width > (Image.MAX_IMAGE_PIXELS or _MOST_PIXELS):
            return None
        return decode_jpeg(torch.from_numpy(encoded)).permute(1, 2, 0)
    except MemoryError:
        raise
    except Exception:
        # PIL may read the file, or says what is wrong with it.
        return None


def _frame(encoded: memoryview) -> tuple[int, int, int] | None:
    """Return a JPEG's height, width and number of channels, or None if there is no JPEG."""
    if bytes(encoded[:2]) != b"\xff\xd8":
        return None
    place = 2
    while encoded[place] == 0xFF:
        marker, length = struct.unpack_from(">BH", encoded, place + 1)
        if marker in _FRAMES:
            return struct.unpack_from(">HHB", encoded, place + 5)
        place += 2 + length
    return None
