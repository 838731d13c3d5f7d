"""Test the pictures that are drawn for a model."""

import pytest
from PIL import Image

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.data import folder_cfg
from leoclr_plugin.zoo import pictures


def test_three_pictures_are_drawn(zoo, entry, image_folder, tmp_path):
    pytest.importorskip("umap")
    drawn = pictures.draw_pictures(
        entry, folder_cfg(entry.dataset, image_folder, 0), tmp_path / "out"
    )
    assert [path.name for path in drawn] == [
        f"{entry.name}-{kind}.png" for kind in ("umap", "neighbours", "similarity")
    ]
    for path in drawn:
        with Image.open(path) as picture:
            assert min(picture.size) > 200


def test_missing_package_is_named_and_nothing_is_written(
    zoo, entry, image_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("leoclr_plugin.plots.scatter.find_spec", lambda name: None)
    with pytest.raises(UserError, match="UMAP needs umap"):
        pictures.draw_pictures(entry, folder_cfg(entry.dataset, image_folder, 0), tmp_path / "out")
    assert not (tmp_path / "out").exists()
