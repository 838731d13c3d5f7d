import sys
from functools import partial

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image
from tqdm import tqdm

from leoclr_plugin.data.datasets import build_dataset
from leoclr_plugin.data.images import UnreadableImage, find_unreadable, list_images, open_rgb
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
    problems = find_unreadable([good, truncated, text, empty])
    assert list(problems) == [str(truncated), str(text), str(empty)]
    assert "cannot identify image file" in problems[str(text)]


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
    build_dataset(cfg, "train", None)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("leoclr_plugin.data.images._SECONDS", 0)
    monkeypatch.setattr("leoclr_plugin.data.images.tqdm", partial(tqdm, mininterval=0))
    for lists in (lambda: list_images(train), lambda: build_dataset(cfg, "train", None)):
        lists()
        assert f"Listing {train}: 6 files" in capsys.readouterr().err
