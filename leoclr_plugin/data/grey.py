"""Convert grey images with more than 8 bits to 8 bits without clipping their levels."""

from __future__ import annotations

import numpy as np
from PIL import Image

# TIFF's tags, and their values for images with a white zero and for signed levels.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2
# PIL's modes for floating-point levels and for 32-bit integer levels.
FLOAT, INT32 = "F", "I"
# For these formats PIL stores 16-bit levels as 32-bit integers; for PNG only before version 10.3.
_16_BITS_IN_32 = ("PNG", "PPM")


def check_levels(image: Image.Image) -> None:
    """Check in an image's header that the range of its levels is known, without decoding it.

    Args:
        image: an image as ``PIL.Image.open`` returns it.

    Raises:
        ValueError: if the levels are signed; if they are 32-bit integers, because files use any
            part of this range; or if zero is white in an image of more than 8 bits, because PIL
            does not invert such images.
    """
    tags = getattr(image, "tag_v2", {})
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise ValueError(
            "its grey levels are signed; set data.range, or save it as unsigned 8 or 16 bits"
        )
    if image.mode == INT32 and not has_16_bits_in_32(image):
        raise ValueError("its grey levels have 32 bits; set data.range, or save it as 8 or 16 bits")
    check_zero_is_black(image)


def check_zero_is_black(image: Image.Image) -> None:
    """Check in a TIFF's header that a deep image has a black zero; PIL does not invert it.

    Raises:
        ValueError: if zero is white.
    """
    tags = getattr(image, "tag_v2", {})
    if _is_deep(image) and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise ValueError("its zero is white; save it with black as zero")


def has_16_bits_in_32(image: Image.Image) -> bool:
    """Whether PIL stores the 16-bit levels of this image as 32-bit integers."""
    return image.mode == INT32 and image.format in _16_BITS_IN_32


def eight_bits(image: Image.Image) -> Image.Image:
    """Convert a grey image of more than 8 bits to 8 bits, and return any other image unchanged.

    PIL itself would make every level above 255 white.

    - 16 bits: the result is the high byte, as with DALI.
    - 12 bits: the levels from 0 to 4095 are scaled and rounded. DALI's results differ by at most 1.
    - Floating point: the levels from 0 to 1 are scaled.

    Raises:
        ValueError: if ``check_levels`` refuses the image, or a floating-point level is outside
            [0, 1].
    """
    check_levels(image)
    if not _is_deep(image):
        return image
    levels = np.asarray(image)
    if image.mode == FLOAT:
        levels = _checked(levels) * 255 + 0.5
    elif getattr(image, "tag_v2", {}).get(_BITS) == (12,):
        levels = levels * (255 / 4095) + 0.5
    else:
        levels = levels >> 8
    return Image.fromarray(levels.astype(np.uint8))


def _checked(levels: np.ndarray) -> np.ndarray:
    # A test for levels outside the range would not find NaN.
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(
            f"its floating-point grey levels go from {levels.min():g} to {levels.max():g}; "
            "set data.range, scale them to [0, 1], or save it as 8 or 16 bits"
        )
    return levels


def _is_deep(image: Image.Image) -> bool:
    return image.mode in (FLOAT, INT32) or image.mode.startswith("I;16")
