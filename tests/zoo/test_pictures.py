"""The pictures of a model."""

import pytest
from PIL import Image

from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo import pictures
from leoclr_plugin.zoo.evaluate import zoo_data


def test_three_pictures(zoo, entry, image_folder, tmp_path):
    pytest.importorskip("umap")
    drawn = pictures.draw_pictures(entry, zoo_data(entry, image_folder, 0), tmp_path / "out")
    assert [path.name for path in drawn] == [
        f"{entry.name}-{what}.png" for what in ("umap", "neighbours", "similarity")
    ]
    for path in drawn:
        with Image.open(path) as picture:
            assert min(picture.size) > 200


def test_without_its_packages(zoo, entry, image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("leoclr_plugin.report.scatter.find_spec", lambda name: None)
    with pytest.raises(UserError, match="UMAP needs umap"):
        pictures.draw_pictures(entry, zoo_data(entry, image_folder, 0), tmp_path / "out")
    assert not (tmp_path / "out").exists()
