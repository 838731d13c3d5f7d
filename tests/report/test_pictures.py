"""Test the pictures of a network."""

import pytest
import torch
from PIL import Image

from leoclr_plugin.errors import UserError
from leoclr_plugin.report.pictures import KINDS, Pictured, draw_pictures, write_page
from tests.pages import Page


def pictured(count: int) -> Pictured:
    """Return images of one colour; the features are the colour, and so is the class."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(count) % 3
    features = torch.eye(3)[targets] + 0.1 * torch.rand(count, 3, generator=generator)

    def image(index: int) -> Image.Image:
        return Image.new("RGB", (40, 40), tuple(int(200 * v) for v in features[index].tolist()))

    def encode(pictures: list[Image.Image]) -> torch.Tensor:
        return torch.tensor([picture.getpixel((0, 0)) for picture in pictures]) / 200

    names = ["red", "green", "blue"]
    return Pictured(features, targets, names, targets, names, image, encode)


def test_three_pictures_are_drawn_and_one_page_holds_them(tmp_path, drawn):
    pytest.importorskip("umap")
    paths = {kind: tmp_path / f"{kind}.png" for kind in KINDS}
    rows = draw_pictures(pictured(30), paths)
    assert [row.title for row in rows] == ["red", "green", "blue"]
    # The ten images of a class are nearer to one another than to any other image.
    assert all(row.shared == [True] * 8 for row in rows)
    for path in paths.values():
        with Image.open(path) as picture:
            assert min(picture.size) > 200
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["red", "green", "blue"]
    write_page("a <run>", paths, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert page.texts["h1"] == ["Pictures of a <run>"]
    assert page.descriptions == [title for title, _ in KINDS.values()]


def test_too_few_images_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="9 validation images are too few to draw"):
        draw_pictures(pictured(9), {kind: tmp_path / f"{kind}.png" for kind in KINDS})
    assert not list(tmp_path.iterdir())
