"""Find files that DALI would decode otherwise than PIL: levels, orientation, CMYK, huge sizes."""

from __future__ import annotations

import io
import re

from PIL import Image

from leoclr_plugin.data.grey import FLOAT, check_levels
from leoclr_plugin.errors import one_line

# The first two bytes of TIFF and Netpbm files, the formats with levels of any range.
_FORMATS = (b"II", b"MM", b"P2", b"P3", b"P5", b"P6")
STARTS = frozenset(int.from_bytes(start, "big") for start in _FORMATS)
_JPEG = b"\xff\xd8"
_COMMENT = re.compile(rb"#[^\r\n]*")
_ORIENTATION = 274  # TIFF's tag
_HEADER_BYTES = 4096
_MAXIMA_OF_DALI = (255, 65535)
_REMEDY = "data.format=image_folder and data.cache_mb can read it"


def misread(encoded: bytes) -> str | None:
    """Return why DALI would decode an image otherwise than PIL; None if it would not.

    The result is None for a file that PIL cannot identify: DALI reports files that it cannot
    decode.
    """
    if encoded.startswith(_JPEG):
        return _misread_jpeg(encoded)
    if int.from_bytes(encoded[:2], "big") not in STARTS:
        return None
    if encoded.startswith(b"P"):
        header = _COMMENT.sub(b"", encoded[:_HEADER_BYTES]).split()[1:4]
        largest = int(header[2]) if len(header) == 3 and header[2].isdigit() else 0
        if largest in _MAXIMA_OF_DALI:
            return None
        return f"DALI does not scale levels from 0 to {largest}; {_REMEDY}"
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            check_levels(image)
            floating = image.mode == FLOAT
            turned = image.format == "TIFF" and image.tag_v2.get(_ORIENTATION, 1) != 1
    except ValueError as error:
        return str(error)
    except Exception:
        return None
    if turned:
        return f"DALI does not turn a TIFF by its orientation; {_REMEDY}"
    return f"DALI clips floating-point levels; {_REMEDY}" if floating else None


def _misread_jpeg(encoded: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.mode != "CMYK" or "adobe" in image.info:
                return None
    except Exception:
        return None
    # PIL takes every CMYK JPEG as Adobe's programs write it.
    return f"DALI inverts a CMYK JPEG without Adobe's marker; {_REMEDY}"


def refused(encoded: bytes) -> str | None:
    """Return why the loader does not let DALI decode an image: see ``misread``, or its size."""
    try:
        with Image.open(io.BytesIO(encoded)):
            pass
    except Image.DecompressionBombError as error:
        return one_line(error)
    # DALI may read it, or reports it.
    except Exception:  # nosec B110 # DALI decides
        pass
    return misread(encoded)
