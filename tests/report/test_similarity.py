"""Test the similarity map on an image with known regions."""

import numpy as np
import torch
from PIL import Image

from leoclr_plugin.report.similarity import similarity_map, similarity_rows


def mean_colour(pictures: list[Image.Image]) -> torch.Tensor:
    """Return the mean colour minus grey: features that distinguish red from blue."""
    colours = [np.asarray(picture).mean(axis=(0, 1)) for picture in pictures]
    return torch.tensor(np.stack(colours)).float() - 127.5


def test_crop_is_similar_to_the_side_it_was_taken_from():
    pixels = np.zeros((60, 120, 3), np.uint8)
    pixels[:, :60] = (255, 127, 0)
    pixels[:, 60:] = (0, 127, 255)
    image = Image.fromarray(pixels)
    heat = similarity_map(mean_colour, image, image.crop((0, 10, 30, 40)))
    assert heat.shape == (90, 90)
    torch.testing.assert_close(heat[:, :9], torch.ones(90, 9), rtol=0, atol=1e-3)
    torch.testing.assert_close(heat[:, -9:], -torch.ones(90, 9), rtol=0, atol=1e-3)
    # All rows are equal, and the values do not rise from left to right.
    assert (heat - heat[0]).abs().max() < 1e-5
    assert (heat[0].diff() < 1e-5).all()


def test_box_and_map_belong_to_the_crop_that_is_drawn(tmp_path, drawn):
    generator = np.random.default_rng(0)
    images = [
        Image.fromarray(generator.integers(0, 255, (4, 6, 3), np.uint8)).resize((120, 80), 0)
        for _ in range(2)
    ]
    similarity_rows(mean_colour, images, tmp_path / "map.png")
    *grid, bar = drawn[0].axes
    assert bar.get_ylabel() == "cosine"
    assert [cell.get_title() for cell in grid[:5]] == [
        *("X", "crop 1", "agrees with", "crop 2", "agrees with")
    ]
    boxes = []
    for image, (whole, *cells) in zip(images, (grid[:5], grid[5:]), strict=True):
        assert (whole.images[0].get_array() == np.asarray(image)).all()
        columns = zip(whole.patches, cells[::2], cells[1::2], strict=True)
        for box_in_whole, crop_axes, map_axes in columns:
            (box,) = map_axes.patches
            assert box.get_bbox().bounds == box_in_whole.get_bbox().bounds
            crop = image.crop(tuple(map(int, box.get_bbox().extents)))
            boxes.append(crop.size)
            assert 0.09 < crop.width * crop.height / (120 * 80) < 0.26
            assert (crop_axes.images[0].get_array() == np.asarray(crop.resize((128, 128)))).all()
            _, heat = map_axes.images
            expected = similarity_map(mean_colour, image, crop)
            np.testing.assert_allclose(heat.get_array(), expected, atol=1e-6)
            assert heat.get_clim() == (-1, 1)
            assert tuple(heat.get_extent()) == (0, 120, 80, 0)
    assert len(set(boxes)) > 1
    assert (tmp_path / "map.png").stat().st_size > 0
