"""Test what ``leoclr views`` draws from."""

import numpy as np
import pytest
from PIL import Image

from leoclr_plugin.commands.main import main
from tests.conftest import make_image
from tests.sources import NEEDS, WRITERS

SMALL = ("augmentations.0.crop_size=16", "augmentations.1.crop_size=[16,16]")


def files_shown(*args) -> list[bytes]:
    """Return the pictures of the grid's first column, which has no random numbers, in any order."""
    assert main(["views", *map(str, args), *SMALL, "--images", "99", "--out", "views.png"]) == 0
    column = np.asarray(Image.open("views.png"))[26:, :168]
    return sorted(column[top : top + 168].tobytes() for top in range(0, len(column), 168))


@pytest.mark.parametrize("kind", WRITERS)
def test_any_source_shows_the_images_of_its_folder(kind, image_folder, tmp_path, monkeypatch):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    if kind == "parquet":
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    written = WRITERS[kind](image_folder / "val", tmp_path / "source")
    if isinstance(written, list):
        written = f"data.train_path=[{','.join(written)}]"
    shown = files_shown(written)
    assert shown == files_shown(image_folder / "val")
    assert len(set(shown)) > 5


def test_a_mean_of_one_pipeline_has_as_many_numbers_as_the_images_channels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_image(0, 0).convert("L").save("grey.png")
    of_all = ("+data.channels=1", "+data.mean=[0.5]", "+data.std=[0.2]")
    off = [
        f"augmentations.{i}.{key}=0"
        for i in range(2)
        for key in ("color_jitter.saturation", "color_jitter.hue", "grayscale.prob")
    ]
    config = ("--config", "custom/leoclr")
    assert files_shown("grey.png", *of_all, *off, "+augmentations.0.mean=[0.4]", *config)
    assert main(["views", "grey.png", *of_all, *off, "+augmentations.0.mean=[0,0,0]", *config]) == 2
