"""Test the levels of images of any depth and channels against numpy, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from leoclr_plugin.data.decode import decode, decode_rgb
from leoclr_plugin.data.images import UnreadableImage, open_rgb
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.raw import read_raw, turned
from tests.data.depths import NEITHER, RAMP, UNSIGNED, tiff

ORIENTATION = 0x0112
SIZE = (12, 17)
# For each dtype: the range, and whether a file of this type tells it.
RANGES = {
    "uint8": ((0, 255), True),
    "uint16": ((0, 65535), True),
    "float32": ((0, 1), True),
    "float64": ((0, 1), True),
    "int16": ((-1000, 400), False),
    "int32": ((-70000, 70000), False),
    "uint32": ((5, 4e9), False),
}


def random_levels(dtype: str, channels: int, seed: int = 0) -> np.ndarray:
    low, high = RANGES[dtype][0]
    levels = low + (high - low) * np.random.default_rng(seed).random((*SIZE, channels))
    return levels.astype(dtype)


def by_hand(levels: np.ndarray) -> np.ndarray:
    low, high = RANGES[levels.dtype.name][0]
    return (levels.astype(np.float64) - low) / (high - low) * 255


def check(path: Path, levels: np.ndarray) -> None:
    """Check the image at ``path`` against its levels, with the range given and, if told, without.

    A float32 resolves 255 to about 2e-5.
    """
    span, is_told = RANGES[levels.dtype.name]
    for given in [span, None] if is_told else [span]:
        read = decode(path, Levels(levels.shape[2], given))
        assert (read.dtype, read.shape) == (np.float32, levels.shape)
        np.testing.assert_allclose(read, by_hand(levels), rtol=0, atol=4e-5)
        # Images of tables and shards are bytes in memory.
        encoded = np.fromfile(path, np.uint8)
        stored = decode("image 1", Levels(levels.shape[2], given), encoded)
        np.testing.assert_array_equal(stored, read)


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("dtype", RANGES)
def test_npy(dtype, channels, tmp_path):
    levels = random_levels(dtype, channels)
    path = tmp_path / "image.npy"
    np.save(path, levels)
    check(path, levels)
    if channels == 1:
        np.save(path, levels[..., 0])
        check(path, levels)
    # The other order of the bytes.
    np.save(path, levels.astype(levels.dtype.newbyteorder()))
    check(path, levels)


@pytest.mark.parametrize("pages", [1, 2, 7])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_tiff_has_a_page_for_each_channel(dtype, pages, tmp_path):
    levels = random_levels(dtype, pages)
    first, *others = [Image.fromarray(levels[..., page]) for page in range(pages)]
    first.save(tmp_path / "image.tif", save_all=True, append_images=others)
    check(tmp_path / "image.tif", levels)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png(dtype, channels, tmp_path):
    cv2 = pytest.importorskip("cv2")
    levels = random_levels(dtype, channels)
    path = tmp_path / "image.png"
    as_written = levels if channels == 1 else levels[..., [2, 1, 0, *range(3, channels)]]
    cv2.imwrite(str(path), as_written)
    check(path, levels)
    if channels == 4:
        # The fourth channel is the opacity, which RGB leaves out.
        np.testing.assert_array_equal(decode(path, Levels(3)), decode(path, Levels(4))[..., :3])


@pytest.mark.parametrize("name", ["16-signed.tif", "32.tif", "32-signed.tif"])
def test_levels_without_a_range_of_their_own_need_one(name, tmp_path):
    NEITHER[name](tmp_path)
    largest = 128 if name == "16-signed.tif" else 257
    read = decode(tmp_path / name, Levels(1, (0.0, 255.0 * largest)))
    np.testing.assert_allclose(read[..., 0], RAMP, atol=4e-5)
    with pytest.raises(UnreadableImage, match=f"go from 0 to {252 * largest}, and this type has"):
        decode(tmp_path / name, Levels(1))


def test_grey_and_colour_stand_for_one_another_where_nothing_is_lost(tmp_path):
    grey = random_levels("uint8", 1)
    Image.fromarray(grey[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(grey.repeat(3, axis=2)).save(tmp_path / "rgb.png")
    Image.fromarray(random_levels("uint8", 3)).save(tmp_path / "colour.png")
    for name in ("grey.png", "rgb.png"):
        np.testing.assert_array_equal(decode(tmp_path / name, Levels(1)), grey)
        np.testing.assert_array_equal(decode(tmp_path / name, Levels(3)), grey.repeat(3, axis=2))
    with pytest.raises(UnreadableImage, match=r"has 3 channels in colour, and data\.channels=1"):
        decode(tmp_path / "colour.png", Levels(1))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpegs_of_8_bits_are_read_as_without_levels(mode, tmp_path):
    Image.fromarray(random_levels("uint8", 3)).convert(mode).save(tmp_path / "image.jpg")
    rgb = decode_rgb(tmp_path / "image.jpg")
    np.testing.assert_array_equal(decode(tmp_path / "image.jpg", Levels(3)), rgb)
    if mode == "L":
        np.testing.assert_array_equal(decode(tmp_path / "image.jpg", Levels(1)), rgb[..., :1])


def test_npy_without_levels_is_rgb_of_8_bits(tmp_path):
    levels = random_levels("uint16", 3)
    np.save(tmp_path / "image.npy", levels)
    expected = np.floor(by_hand(levels) + 0.5)
    np.testing.assert_array_equal(np.asarray(open_rgb(tmp_path / "image.npy")), expected)


@pytest.mark.parametrize(
    ("levels", "given", "reason"),
    [
        ([[-0.5, 3.0]], None, "float64 go from -0.5 to 3, and auto takes .0,1.; set data.range"),
        ([[-0.5, 3.0]], (0.0, 2.0), "go from -0.5 to 3, and data.range is .0,2.; widen it, or set"),
        ([[0.5, float("nan")]], (0.0, 1.0), "go from nan to nan, which are not all numbers"),
        ([[0.5, float("inf")]], (0.0, 1.0), "go from 0.5 to inf, which are not all numbers"),
        ([[1j, 2.0]], None, "it holds complex128, and no numbers"),
        ([1.0, 2.0], None, r"its shape is \[2\], and an image is \[height, width\]"),
        (np.zeros((0, 4)), None, r"its shape is \[0, 4\]"),
        (np.zeros((1, 8, 9)), None, "has 9 channels, and data.channels=1; its first side may be"),
    ],
)
def test_levels_and_shapes_that_cannot_be_meant_are_refused(levels, given, reason, tmp_path):
    np.save(tmp_path / "image.npy", np.asarray(levels))
    with pytest.raises(UnreadableImage, match=f"image.npy cannot be read: .*{reason}"):
        decode(tmp_path / "image.npy", Levels(1, given))


def test_levels_are_clipped_if_that_is_asked_for(tmp_path):
    np.save(tmp_path / "image.npy", np.array([[-2000, -300, 900]], np.int16))
    read = decode(tmp_path / "image.npy", Levels(1, (-1000.0, 400.0), clip=True))
    np.testing.assert_allclose(read, [[[0], [127.5], [255]]])


def test_no_code_is_run(tmp_path):
    np.save(tmp_path / "image.npy", np.array([{"a": print}], object), allow_pickle=True)
    with pytest.raises(UnreadableImage, match="Python objects"):
        decode(tmp_path / "image.npy", Levels(1))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_is_turned_as_by_pil(dtype, orientation, tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (*RAMP.shape, 1)).astype(dtype)
    bits = 8 * levels.itemsize
    (tmp_path / "image.tif").write_bytes(tiff(levels, bits, UNSIGNED, orientation=orientation))
    picture = Image.fromarray(levels[..., 0])
    picture.getexif()[ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(picture))
    read = decode(tmp_path / "image.tif", Levels(1))[..., 0]
    np.testing.assert_allclose(read, by_hand(expected), atol=4e-5)
    np.testing.assert_array_equal(turned(levels, orientation)[..., 0], expected)
    if dtype == "uint8":
        np.testing.assert_array_equal(decode_rgb(tmp_path / "image.tif")[..., 0], expected)


def interleaved(path: Path, levels: np.ndarray) -> None:
    """Write a TIFF that PIL does not read: 16 bits in three channels."""
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(path), levels[..., ::-1])


def test_missing_tifffile_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    interleaved(tmp_path / "image.tif", random_levels("uint16", 3))
    with pytest.raises(UnreadableImage, match=r'pip install "leoclr-plugin\[tiff\]" reads'):
        decode(tmp_path / "image.tif", Levels(3))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [2, 3, 12])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_tiff_of_several_channels(dtype, channels, planar, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    levels = random_levels(dtype, channels)
    written = levels if planar == "contig" else np.moveaxis(levels, -1, 0)
    tifffile.imwrite(tmp_path / "image.tif", written, photometric="minisblack", planarconfig=planar)
    check(tmp_path / "image.tif", levels)


def test_a_compressed_tiff_of_several_channels_is_read(tmp_path):
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    written = np.random.default_rng(0).integers(0, 65535, (20, 30, 4)).astype(np.uint16)
    # LZW is what OpenCV writes by default.
    kinds = {"photometric": "minisblack", "planarconfig": "contig", "compression": "lzw"}
    tifffile.imwrite(tmp_path / "image.tif", written, **kinds)
    assert np.array_equal(read_raw(tmp_path / "image.tif").levels, written)
