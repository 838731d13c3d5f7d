"""Sizes are compared to torchvision's resize, also where a quotient of floats is rounded down."""

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import resize

from leoclr_plugin.data.resize import _size
from leoclr_plugin.data.views import val_view


@pytest.mark.parametrize("size", [28, 64, 128, 224])
def test_shorter_side_is_exact_and_the_longer_in_proportion(size):
    view = val_view("custom", (size, size))
    rng = np.random.default_rng(0)
    for height, width in [(49, 98), (98, 49), (197, 197), *rng.integers(1, 3000, (500, 2))]:
        expected = resize(torch.empty(1, height, width, device="meta"), view.resize_shorter).shape
        assert (*_size(view, height, width),) == tuple(expected[1:])
