"""Images of many formats, whole and damaged, from a seed."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from tests.conftest import make_image
from tests.data.depths import ALL
from tests.faults.mutate import mutated

_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return the content of an image's file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png_of_size(width: int, height: int, bits: int = 8, colours: int = 2) -> bytes:
    """Return a PNG whose header promises a size, and whose pixels are few."""
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a small JPEG whose header promises a size."""
    content = bytearray(encoded(make_image(0, 0), "JPEG"))
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def npy_of_size(height: int, width: int) -> bytes:
    """Return an array's file that lacks most of its numbers."""
    buffer = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (height, width)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + bytes(1000)


def without_adobe(content: bytes) -> bytes:
    """Return a JPEG without the marker that tells how its CMYK is stored."""
    place = content.index(b"\xff\xee")
    length = struct.unpack(">H", content[place + 2 : place + 4])[0]
    return content[:place] + content[place + 2 + length :]


def whole_images(folder: Path) -> dict[str, bytes]:
    """Return images of many formats by their names; ``folder`` is for work."""
    picture = make_image(3, 1, (40, 56))
    images = {
        "rgb.jpg": encoded(picture, "JPEG", quality=90),
        "progressive.jpg": encoded(picture, "JPEG", progressive=True),
        "full-colour.jpg": encoded(picture, "JPEG", subsampling=0),
        "restarts.jpg": encoded(picture, "JPEG", restart_marker_blocks=2),
        "grey.jpg": encoded(picture.convert("L"), "JPEG"),
        "cmyk.jpg": encoded(picture.convert("CMYK"), "JPEG"),
        "rgb.png": encoded(picture, "PNG"),
        "alpha.png": encoded(picture.convert("RGBA"), "PNG"),
        "grey-alpha.png": encoded(picture.convert("LA"), "PNG"),
        "palette.png": encoded(picture.convert("P"), "PNG"),
        "bilevel.png": encoded(picture.convert("1"), "PNG"),
        "rgb.webp": encoded(picture, "WEBP", lossless=True),
        "alpha.webp": encoded(picture.convert("RGBA"), "WEBP", lossless=True),
        "rgb.bmp": encoded(picture, "BMP"),
        "palette.bmp": encoded(picture.convert("P"), "BMP"),
        "rgb.ppm": encoded(picture, "PPM"),
        "rgb.tif": encoded(picture, "TIFF"),
        "packed.tif": encoded(picture, "TIFF", compression="tiff_lzw"),
        "cmyk.tif": encoded(picture.convert("CMYK"), "TIFF"),
        "tiny.png": encoded(make_image(0, 0, (1, 1)), "PNG"),
        "tiny.jpg": encoded(make_image(0, 0, (1, 1)), "JPEG"),
        "long.png": encoded(Image.new("RGB", (20000, 1), (9, 99, 199)), "PNG"),
        "long.jpg": encoded(Image.new("RGB", (1, 20000), (9, 99, 199)), "JPEG"),
    }
    images["cmyk-without-adobe.jpg"] = without_adobe(images["cmyk.jpg"])
    frames = [picture, make_image(4, 2, (40, 56))]
    for form, ending in (("PNG", "png"), ("WEBP", "webp")):
        images[f"animated.{ending}"] = encoded(
            frames[0], form, save_all=True, append_images=frames[1:]
        )
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        images[f"turned-{orientation}.jpg"] = encoded(picture, "JPEG", exif=exif)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("long", "x" * 300_000, zip=True)
    images["text.png"] = encoded(picture, "PNG", pnginfo=texts)
    images["profile.jpg"] = encoded(picture, "JPEG", icc_profile=bytes(200_000))
    images["profile.png"] = encoded(picture, "PNG", icc_profile=bytes(2_000_000))
    deep = folder / "deep"
    deep.mkdir()
    for name, write in ALL.items():
        write(deep)
        images[f"deep-{name}"] = (deep / name).read_bytes()
    return images


def bombs() -> dict[str, bytes]:
    """Return small files that promise pictures of gigabytes."""
    bmp = encoded(make_image(0, 0), "BMP")
    return {
        "bomb.png": png_of_size(60_000, 60_000),
        "deep-bomb.png": png_of_size(60_000, 60_000, bits=16),
        "grey-bomb.png": png_of_size(60_000, 60_000, bits=1, colours=0),
        "bomb.jpg": jpeg_of_size(65_000, 65_000),
        "bomb.ppm": b"P6\n60000 60000\n255\n" + bytes(1000),
        "bomb.bmp": bmp[:18] + struct.pack("<ii", 60_000, 60_000) + bmp[26:],
        "bomb.npy": npy_of_size(100_000, 100_000),
    }


def damaged_images(
    whole: dict[str, bytes], number: int, rng: np.random.Generator
) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of files that were cut, renamed or damaged otherwise."""
    names = sorted(whole)
    for i in range(number):
        name = names[i % len(names)]
        content = whole[name]
        if i % 4 == 0:
            content = content[: len(content) * (i // 4 % 20) // 20]
        elif i % 4 == 1 and i % 3 == 0:
            name = Path(name).stem + str(rng.choice(_ENDINGS))
        else:
            content = mutated(content, rng)
        yield f"{i:05}-{name}", content


def write_images(folder: Path, work: Path, number: int, seed: int) -> None:
    """Write whole images, bombs and ``number`` damaged images; ``work`` is an empty folder."""
    whole = whole_images(work)
    damaged = damaged_images(whole, number, np.random.default_rng(seed))
    for name, content in (*whole.items(), *bombs().items(), *damaged):
        (folder / name).write_bytes(content)


def odd_entries(folder: Path) -> list[str]:
    """Make entries with an image's name that are no files; return their names."""
    (folder / "folder.jpg").mkdir()
    (folder / "nowhere.jpg").symlink_to(folder / "gone.jpg")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    os.mkfifo(folder / "fifo.jpg")
    return ["folder.jpg", "nowhere.jpg", "circle.jpg", "fifo.jpg"]
