"""The maps of the channels are compared to torchvision."""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF

from leoclr_plugin.data import color

NAMES = ("brightness", "contrast", "saturation", "hue")


@pytest.mark.parametrize("seed", range(4))
def test_maps_without_hue_are_torchvisions_steps_in_one(seed):
    rng = np.random.default_rng(seed)
    # With medium colours none of torchvision's steps clips a value, and with floats none rounds.
    # The bound allows for torchvision's luma, which has 0.2989 for red.
    pixels = rng.uniform(0.4, 0.55, (16, 16, 3))
    factors = dict(zip(NAMES, [*rng.uniform(0.8, 1.2, 3), 0.0], strict=True))
    matrix, greys = color.channel_maps(*(np.array([factors[name]]) for name in NAMES))
    expected = torch.from_numpy(pixels).permute(2, 0, 1)
    for name in ("brightness", "saturation", "contrast"):
        expected = getattr(TF, f"adjust_{name}")(expected, factors[name])
    grey = (pixels @ (0.299, 0.587, 0.114)).mean()
    got = pixels @ matrix[0].T + greys[0] * grey
    assert np.abs(got - expected.permute(1, 2, 0).numpy()).max() < 1e-4


def test_hue_keeps_luma_and_turns_back():
    there, back = (
        color.channel_maps(*np.array([[1.0], [1.0], [1.0], [angle]]))[0][0] for angle in (70, -70)
    )
    assert (0.299, 0.587, 0.114) @ there == pytest.approx((0.299, 0.587, 0.114), abs=1e-6)
    assert there @ back == pytest.approx(np.eye(3), abs=1e-6)
    assert np.abs(there - np.eye(3)).max() > 0.3
