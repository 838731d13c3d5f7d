"""Find files that DALI would decode otherwise than PIL: levels, orientation, CMYK, huge sizes."""

from __future__ import annotations

import io
import re

from PIL import Image

from leoclr_plugin.data.grey import FLOAT, check_levels
from leoclr_plugin.errors import one_line

# The first two bytes of TIFF and Netpbm files, the formats with levels of any range.
_TIFF, _NETPBM = (b"II", b"MM"), (b"P2", b"P3", b"P5", b"P6")
STARTS = [int.from_bytes(start, "big") for start in (*_TIFF, *_NETPBM)]
_COMMENT = re.compile(rb"#[^\r\n]*")
_ORIENTATION = 274  # TIFF's tag
_HEADER_BYTES = 4096
_MAXIMA_OF_DALI = (255, 65535)
_REMEDY = "data.format=image_folder and data.cache_mb can read it"


def misread(encoded: bytes) -> str | None:
    """Return why DALI would decode an image otherwise than PIL, or why PIL refuses its size.

    The result is None if neither holds, and for a file that PIL cannot identify: DALI reports files
    that it cannot decode.
    """
    start = encoded[:2]
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
                # PIL takes every CMYK JPEG as Adobe's programs write it.
                return f"DALI inverts a CMYK JPEG without Adobe's marker; {_REMEDY}"
            if start in _TIFF:
                check_levels(image)
                if image.format == "TIFF" and image.tag_v2.get(_ORIENTATION, 1) != 1:
                    return f"DALI does not turn a TIFF by its orientation; {_REMEDY}"
                if image.mode == FLOAT:
                    return f"DALI clips floating-point levels; {_REMEDY}"
    except Image.DecompressionBombError as error:
        return one_line(error)
    except Exception as error:
        if start in _TIFF and isinstance(error, ValueError):
            return str(error)
    if start in _NETPBM:
        header = _COMMENT.sub(b"", encoded[:_HEADER_BYTES]).split()[1:4]
        largest = int(header[2]) if len(header) == 3 and header[2].isdigit() else 0
        if largest not in _MAXIMA_OF_DALI:
            return f"DALI does not scale levels from 0 to {largest}; {_REMEDY}"
    return None
