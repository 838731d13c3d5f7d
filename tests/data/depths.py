"""Grey ramps in files of many depths; some are written by hand because PIL cannot write them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

RAMP = np.tile(np.arange(64), (48, 1)) * 4  # 8-bit levels from 0 to 252
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1


def tiff(
    data: np.ndarray | bytes,
    bits: int,
    kind: int,
    zero: int = BLACK_IS_ZERO,
    orientation: int = 1,
) -> bytes:
    """Return an uncompressed grey TIFF of the ramp's size."""
    pixels = data if isinstance(data, bytes) else data.tobytes()
    tags = {
        256: (4, RAMP.shape[1]),
        257: (4, RAMP.shape[0]),
        258: (3, bits),
        259: (3, 1),
        262: (3, zero),
        273: (4, 8 + 2 + 12 * 11 + 4),
        274: (3, orientation),
        277: (3, 1),
        278: (4, RAMP.shape[0]),
        279: (4, len(pixels)),
        339: (3, kind),
    }
    entries = b"".join(
        struct.pack("<HHI", tag, form, 1)
        + (struct.pack("<HH", value, 0) if form == 3 else struct.pack("<I", value))
        for tag, (form, value) in tags.items()
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + pixels


def pgm(largest: int) -> bytes:
    """Return the ramp as a PGM with levels from 0 to ``largest``."""
    levels = RAMP * largest // 255
    return (
        b"P5\n# a ramp\n64 48\n%d\n" % largest
        + levels.astype("u1" if largest < 256 else ">u2").tobytes()
    )


def twelve_bits() -> bytes:
    """Return the ramp in 12 bits, with two levels in three bytes."""
    first, second = (RAMP * 16).ravel()[::2], (RAMP * 16).ravel()[1::2]
    packed = [first >> 4, (first & 15) << 4 | second >> 8, second & 255]
    return np.stack(packed, axis=1).astype(np.uint8).tobytes()


def _by_pil(name: str, levels: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: Image.fromarray(levels).save(folder / name)


def _as_is(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


# The files that both loaders read, those that only PIL reads, and those that neither reads.
BOTH = {
    "8.png": _by_pil("8.png", RAMP.astype(np.uint8)),
    "8.tif": _by_pil("8.tif", RAMP.astype(np.uint8)),
    "8-white.tif": _as_is(
        "8-white.tif", tiff((255 - RAMP).astype("u1"), 8, UNSIGNED, WHITE_IS_ZERO)
    ),
    "8.pgm": _as_is("8.pgm", pgm(255)),
    "16.png": _by_pil("16.png", (RAMP * 257).astype(np.uint16)),
    "16.tif": _by_pil("16.tif", (RAMP * 257).astype(np.uint16)),
    "16.pgm": _as_is("16.pgm", pgm(65535)),
    "12.tif": _as_is("12.tif", tiff(twelve_bits(), 12, UNSIGNED)),
}
PIL_ALONE = {
    "float.tif": _by_pil("float.tif", (RAMP / 255).astype(np.float32)),
    "12.pgm": _as_is("12.pgm", pgm(4095)),
    "7.pgm": _as_is("7.pgm", pgm(127)),
}
NEITHER = {
    "float-255.tif": _by_pil("float-255.tif", RAMP.astype(np.float32)),
    "float-nan.tif": _by_pil("float-nan.tif", np.full(RAMP.shape, np.nan, np.float32)),
    "16-signed.tif": _as_is("16-signed.tif", tiff((RAMP * 128).astype("<i2"), 16, SIGNED)),
    "8-signed.tif": _as_is("8-signed.tif", tiff((RAMP - 128).astype("i1"), 8, SIGNED)),
    "16-white.tif": _as_is(
        "16-white.tif", tiff((65535 - RAMP * 257).astype("<u2"), 16, UNSIGNED, WHITE_IS_ZERO)
    ),
    "32.tif": _as_is("32.tif", tiff((RAMP * 257).astype("<u4"), 32, UNSIGNED)),
    "32-signed.tif": _by_pil("32-signed.tif", (RAMP * 257).astype(np.int32)),
}
ALL = {**BOTH, **PIL_ALONE, **NEITHER}
