"""Files are decoded as PIL decodes them, also the damaged ones."""

import io

import numpy as np
import pytest
from PIL import Image

from leoclr_plugin.data import decode
from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.data.images import UnreadableImage, open_rgb
from tests.data.test_make import picture


def difference(path) -> float:
    got, expected = decode_rgb(path), np.asarray(open_rgb(path))
    assert got.shape == expected.shape
    assert got.dtype == np.uint8
    assert got.flags["C_CONTIGUOUS"]
    assert got.flags["WRITEABLE"]
    return float(np.abs(got.astype(int) - expected).mean())


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpegs_are_decoded_as_by_pil(tmp_path, mode, options):
    path = tmp_path / "a.jpg"
    picture(0).convert(mode).save(path, quality=90, **options)
    # Both use libjpeg-turbo, and its versions may round differently.
    assert difference(path) < 1


def test_an_orientation_is_ignored_as_by_pil(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0).save(tmp_path / "a.jpg", exif=exif)
    assert difference(tmp_path / "a.jpg") < 1


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp", "a.tif", "a.ppm", "jpeg.png"])
def test_other_files_are_decoded_by_pil(tmp_path, name):
    if name == "jpeg.png":
        picture(0).save(tmp_path / name, format="JPEG")
        assert difference(tmp_path / name) < 1
    else:
        picture(0).save(tmp_path / name)
        assert difference(tmp_path / name) == 0


def test_jpegs_are_not_left_to_pil(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    picture(0).save(path)
    monkeypatch.setattr(decode, "open_rgb", lambda path: pytest.fail("PIL was used"))
    assert decode_rgb(path).shape == (90, 120, 3)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file, zero a block of it, or flip bits in it."""
    kind = rng.integers(3)
    if kind == 0:
        return content[: rng.integers(len(content))]
    changed = bytearray(content)
    if kind == 1:
        start = int(rng.integers(len(content)))
        end = min(len(content), start + int(rng.integers(1, 200)))
        changed[start:end] = bytes(end - start)
    else:
        for place in rng.integers(len(content), size=int(rng.integers(1, 20))):
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def test_a_damaged_jpeg_is_decoded_or_refused_as_by_pil(tmp_path):
    rng, path, both = np.random.default_rng(0), tmp_path / "a.jpg", [0, 0]
    for number in range(600):
        buffer = io.BytesIO()
        picture(number % 7, 40, 56).save(buffer, format="JPEG", progressive=number % 2 == 0)
        path.write_bytes(mutated(buffer.getvalue(), rng))
        try:
            expected = np.asarray(open_rgb(path))
        except UnreadableImage as error:
            both[0] += 1
            with pytest.raises(UnreadableImage) as caught:
                decode_rgb(path)
            assert str(caught.value) == str(error)
            continue
        both[1] += 1
        got = decode_rgb(path)
        assert got.shape == expected.shape
        # What libjpeg makes of broken data may differ between its versions, but only there.
        assert np.abs(got.astype(int) - expected).mean() < 3
    assert min(both) > 50


def test_a_bomb_is_left_to_pil_which_refuses_it(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    picture(0).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90 * 120 // 2 - 1)
    monkeypatch.setattr(decode, "decode_jpeg", lambda encoded: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableImage, match=r"a\.jpg cannot be read: .*bomb"):
        decode_rgb(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    for name in ("folder.jpg", "none.jpg"):
        with pytest.raises(UnreadableImage, match=name):
            decode_rgb(tmp_path / name)
