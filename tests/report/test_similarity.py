"""The map of similarity on an image whose regions are known."""

import numpy as np
import torch
from PIL import Image

from leoclr_plugin.report.similarity import similarity_map


def mean_colour(pictures: list[Image.Image]) -> torch.Tensor:
    """Features that tell red from blue: the mean colour, grey taken away."""
    colours = [np.asarray(picture).mean(axis=(0, 1)) for picture in pictures]
    return torch.tensor(np.stack(colours)).float() - 127.5


def test_a_crop_agrees_with_the_side_it_is_of():
    pixels = np.zeros((60, 120, 3), np.uint8)
    pixels[:, :60] = (255, 127, 0)
    pixels[:, 60:] = (0, 127, 255)
    image = Image.fromarray(pixels)
    heat = similarity_map(mean_colour, image, image.crop((0, 10, 30, 40)))
    assert heat.shape == (90, 90)
    torch.testing.assert_close(heat[:, :9], torch.ones(90, 9), rtol=0, atol=1e-3)
    torch.testing.assert_close(heat[:, -9:], -torch.ones(90, 9), rtol=0, atol=1e-3)
    # The same in each row, and never more to the right.
    assert (heat - heat[0]).abs().max() < 1e-5
    assert (heat[0].diff() < 1e-5).all()
