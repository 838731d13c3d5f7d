"""Test that small files that promise pictures of gigabytes are refused before they are decoded."""

import pytest
from PIL import Image

from leoclr_plugin.data.decode import decode
from leoclr_plugin.data.images import UnreadableImage
from leoclr_plugin.data.levels import Levels
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.conftest import make_image
from tests.data.test_loaders import config, epoch, make_colours
from tests.faults.images import bombs, encoded, without_adobe

BOMBS = bombs()


@pytest.mark.parametrize("levels", [None, Levels(3)], ids=["rgb", "levels"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name, levels, tmp_path):
    (tmp_path / name).write_bytes(BOMBS[name])
    with pytest.raises(UnreadableImage, match=name):
        decode(tmp_path / name, levels)


@pytest.mark.parametrize("name", ["deep-bomb.png"])
def test_the_readers_without_a_limit_of_their_own_name_the_size(name, tmp_path):
    (tmp_path / name).write_bytes(BOMBS[name])
    with pytest.raises(UnreadableImage, match=r"pixels"):
        decode(tmp_path / name, Levels(3))


def dali_of(root):
    pytest.importorskip("nvidia.dali")
    settings = {"data__format": "dali", "dali__device": "cpu"}
    return pretrain_loader(prepare(config(root, **settings)))


def test_dali_has_the_limit_of_pil(tmp_path, monkeypatch):
    # The largest of the images have about 9,700 pixels.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9000 // 2)
    make_colours(tmp_path)
    with pytest.raises(UserError, match=r"of 21 images cannot be read.* pixels"):
        epoch(dali_of(tmp_path))


def test_dali_is_not_given_a_cmyk_whose_colours_it_would_invert(tmp_path):
    folder = make_colours(tmp_path) / "train" / "class0"
    content = encoded(make_image(0, 0).convert("CMYK"), "JPEG")
    (folder / "with.jpg").write_bytes(content)
    (folder / "without.jpg").write_bytes(without_adobe(content))
    with pytest.raises(UserError, match=r"/without\.jpg cannot be read: DALI inverts a CMYK"):
        for number in range(2):
            epoch(dali_of(tmp_path), number)
