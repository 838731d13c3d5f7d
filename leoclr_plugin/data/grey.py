"""Grey images of more than 8 bits, brought to 8 bits by the range of their own levels."""

from __future__ import annotations

import numpy as np
from PIL import Image

# TIFF's tags, and their values for a picture whose zero is white and for signed levels.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2
# PIL's modes of levels of floating point, and of whole numbers of 32 bits.
FLOAT, _INTEGERS = "F", "I"
# PIL has levels of 16 bits in 32 for these formats, for PNG before its version 10.3.
_16_BITS_IN_32 = ("PNG", "PPM")


def check_levels(image: Image.Image) -> None:
    """Check by an image's header that its levels have a known range, without decoding it.

    Args:
        image: as ``PIL.Image.open`` returns it.

    Raises:
        ValueError: for signed levels, for whole numbers of 32 bits, whose files use any part of
            their range, and for deep grey images whose zero is white, which PIL does not invert.
    """
    tags = getattr(image, "tag_v2", {})
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise ValueError("its grey levels are signed; save it as 8 or 16 bits without a sign")
    if image.mode == _INTEGERS and image.format not in _16_BITS_IN_32:
        raise ValueError("its grey levels have 32 bits; save it as 8 or 16 bits")
    if _is_deep(image) and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise ValueError("its zero is white; save it with black as zero")


def eight_bits(image: Image.Image) -> Image.Image:
    """Return a deep grey image as one of 8 bits, and any other image as it is.

    PIL itself would make every level above 255 white.

    - 16 bits: the high byte, as DALI does.
    - 12 bits: from 0 to 4095, rounded; DALI's levels differ by one at most.
    - Floating point: from 0 to 1.

    Raises:
        ValueError: for what ``check_levels`` refuses, and for levels of floating point beyond
            [0, 1].
    """
    check_levels(image)
    if not _is_deep(image):
        return image
    levels = np.asarray(image)
    if image.mode == FLOAT:
        levels = _unit(levels) * 255 + 0.5
    elif getattr(image, "tag_v2", {}).get(_BITS) == (12,):
        levels = levels * (255 / 4095) + 0.5
    else:
        levels = levels >> 8
    return Image.fromarray(levels.astype(np.uint8))


def _unit(levels: np.ndarray) -> np.ndarray:
    # Not a comparison with what is outside, which NaN would pass.
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(
            f"its grey levels of floating point go from {levels.min():g} to {levels.max():g}; "
            "save them from 0 to 1, or as 8 or 16 bits"
        )
    return levels


def _is_deep(image: Image.Image) -> bool:
    return image.mode in (FLOAT, _INTEGERS) or image.mode.startswith("I;16")
