import struct
import sys
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from tqdm import tqdm

from leoclr_plugin.data.datasets import build_dataset
from leoclr_plugin.data.images import (
    UnreadableImage,
    find_unreadable,
    list_images,
    open_rgb,
)
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.errors import UserError
from tests.conftest import make_folder, make_image


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_every_mode_becomes_rgb(mode, tmp_path):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    make_image(0, 0).convert(mode).save(path)
    assert open_rgb(path).mode == "RGB"


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_of_16_bits_is_not_made_white(name, tmp_path):
    levels = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(levels).save(tmp_path / name)
    image = open_rgb(tmp_path / name)
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), np.stack([levels // 256] * 3, axis=2))


def test_bad_files_are_named_and_counted(tmp_path):
    good = tmp_path / "good.jpg"
    make_image(0, 0, (200, 200)).save(good)
    truncated, text, empty = (tmp_path / name for name in ("truncated.jpg", "text.jpg", "e.jpg"))
    truncated.write_bytes(good.read_bytes()[:900])
    text.write_text("not an image")
    empty.touch()
    for path in (truncated, text, empty):
        with pytest.raises(UnreadableImage, match=path.name):
            open_rgb(path)
    problems = find_unreadable(FileStore.of_paths([good, truncated, text, empty]))
    assert list(problems) == [1, 2, 3]
    assert "cannot identify image file" in problems[2]


def test_pixels_are_those_of_the_file(tmp_path):
    image = make_image(3, 1)
    image.save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(open_rgb(tmp_path / "a.png")), np.asarray(image))
    assert isinstance(open_rgb(tmp_path / "a.png"), Image.Image)


def test_images_of_linked_folders_are_listed(tmp_path):
    (tmp_path / "elsewhere" / "cat.jpg").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / "elsewhere" / name).touch()
    part = tmp_path / "part"
    part.mkdir()
    (part / "cat").symlink_to(tmp_path / "elsewhere")
    (part / "c.png").symlink_to(part / "cat" / "a.png")
    assert list_images(part) == [part / "c.png", part / "cat" / "a.png", part / "cat" / "b.JPG"]


def test_a_long_listing_shows_how_many_files_it_has_seen(tmp_path, monkeypatch, capsys):
    train = make_folder(tmp_path / "train", per_class=3, classes=2)
    cfg = OmegaConf.create({"dataset": "custom", "train_path": str(train)})
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list_images(train)
    build_dataset(cfg, "train")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("leoclr_plugin.data.images._BAR_DELAY", 0)
    monkeypatch.setattr("leoclr_plugin.data.images.tqdm", partial(tqdm, mininterval=0))
    for list_files in (lambda: list_images(train), lambda: build_dataset(cfg, "train")):
        list_files()
        assert f"Listing {train}: 6 files" in capsys.readouterr().err


def chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


@pytest.mark.parametrize(
    "bad", [chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(3_000_000))), chunk(b"sRGB", b"")]
)
def test_a_png_whose_chunks_pil_refuses_is_unreadable(bad, tmp_path):
    path = tmp_path / "a.png"
    make_image(0, 0).save(path)
    content = path.read_bytes()
    start = content.find(b"IDAT") - 4
    path.write_bytes(content[:start] + bad + content[start:])
    try:
        # Some versions of PIL read the file.
        assert open_rgb(path).mode == "RGB"
    except UnreadableImage as error:
        assert str(error).startswith(f"{path} cannot be read: ")


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (ValueError("too large"), "too large"),
        (zlib.error("Error -3"), "Error -3"),
        (struct.error("unpack\nrequires"), "unpack requires"),
        (EOFError(), "EOFError"),
        (OverflowError("int"), "int"),
        (KeyError(269), "KeyError 269"),
        (IndexError("index out of range"), "IndexError index out of range"),
        (RuntimeError("plugin"), "plugin"),
        (AssertionError(), "AssertionError"),
        (Image.DecompressionBombError("bomb"), "bomb"),
        (Image.DecompressionBombWarning("bomb"), "bomb"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("where", ["open", "decode"])
def test_every_error_of_pil_names_the_file(raised, reason, where, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise raised

    path = tmp_path / "a.png"
    make_image(0, 0).save(path)
    place = (Image, "open") if where == "open" else (PngImageFile, "load")
    monkeypatch.setattr(*place, fail)
    with pytest.raises(UnreadableImage) as caught:
        open_rgb(path)
    assert str(caught.value) == f"{path} cannot be read: {reason}; mend or remove it"
    assert find_unreadable(FileStore.of_paths([path])) == {0: reason}


def test_a_lack_of_memory_is_not_reported_as_an_unreadable_file(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(MemoryError):
        open_rgb(tmp_path / "a.png")


@pytest.fixture
def classes(tmp_path):
    """Make two class folders with two images each, and two more such folders elsewhere."""
    for name in ("train/a", "train/b", "elsewhere/c", "elsewhere/d"):
        (tmp_path / name).mkdir(parents=True)
        for i in range(2):
            make_image(i, 0).save(tmp_path / name / f"{i}.png")
    return tmp_path / "train"


def labelled(root, **changes):
    cfg = {"dataset": "custom", "train_path": str(root), **changes}
    return build_dataset(OmegaConf.create(cfg), "train")


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("train", "train"),  # the same ``ln -s`` was run twice
        ("a/back", "train/a"),
        ("a/up", "."),
        ("alias", "train/b"),
        ("0", "train/b"),  # listed before the folder that it leads to
        ("a/deep", "train/b"),
    ],
)
def test_a_link_that_lists_images_twice_is_refused_by_name(link, target, classes):
    (classes / link).symlink_to((classes.parent / target).resolve())
    for list_files in (list_images, labelled, lambda root: labelled(root, no_labels=True)):
        with pytest.raises(UserError) as caught:
            list_files(classes)
        assert str(caught.value).startswith(f"{classes / link} is a link to ")
        assert str(caught.value).endswith("would be taken twice; remove the link")


@pytest.mark.parametrize(
    "links", [{"c": "c", "also": "c"}, {"c": "c", "z": "."}, {"c": ".", "z": "d"}]
)
def test_a_second_link_to_the_same_images_is_refused(links, classes):
    for name, target in links.items():
        (classes / name).symlink_to((classes.parent / "elsewhere" / target).resolve())
    for list_files in (list_images, labelled):
        with pytest.raises(UserError, match=r"is a link to .*elsewhere.* would be taken twice"):
            list_files(classes)


def test_links_to_class_folders_elsewhere_are_followed(classes):
    (classes / "c").symlink_to(classes.parent / "elsewhere" / "c")
    (classes / "e").mkdir()
    (classes / "e" / "part").symlink_to(classes.parent / "elsewhere" / "d")
    dataset = labelled(classes)
    assert dataset.classes == ("a", "b", "c", "e")
    assert dataset.targets.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [Path(path) for path, _ in dataset.samples] == list_images(classes)
