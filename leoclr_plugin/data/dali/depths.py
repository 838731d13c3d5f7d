"""Files whose grey levels DALI would decode to others than PIL does, without a word."""

from __future__ import annotations

import io
import re

from PIL import Image

from leoclr_plugin.data.grey import FLOAT, check_levels

# The first two bytes of the formats whose levels may have any range: TIFF and Netpbm.
_FORMATS = (b"II", b"MM", b"P2", b"P3", b"P5", b"P6")
STARTS = frozenset(int.from_bytes(start, "big") for start in _FORMATS)
_COMMENT = re.compile(rb"#[^\r\n]*")
_HEADER_BYTES = 4096
_DALI_SCALES = (255, 65535)
_ELSEWHERE = "data.format=image_folder and dali.cache_mb read it"


def misread(encoded: bytes) -> str | None:
    """Why DALI would make other levels of an encoded image than PIL; None where it does not.

    A file that PIL cannot identify is left to DALI, which says so of those it cannot decode.
    """
    if int.from_bytes(encoded[:2], "big") not in STARTS:
        return None
    if encoded.startswith(b"P"):
        header = _COMMENT.sub(b"", encoded[:_HEADER_BYTES]).split()[1:4]
        largest = int(header[2]) if len(header) == 3 and header[2].isdigit() else 0
        if largest in _DALI_SCALES:
            return None
        return f"DALI does not scale levels from 0 to {largest}; {_ELSEWHERE}"
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            check_levels(image)
            floating = image.mode == FLOAT
    except ValueError as error:
        return str(error)
    except Exception:
        return None
    return f"DALI cuts off levels of floating point; {_ELSEWHERE}" if floating else None
