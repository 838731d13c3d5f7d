"""Views can be finished together; test_make.py tests what is done to each of them."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.data.draws import draw, sample_numbers
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.views import View
from tests.configs import pipeline

N = 16
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = ((0.5,) * 3, (0.5,) * 3)
KINDS = [
    ({"color_jitter": 0.5, "gaussian_blur": 0.5, "horizontal_flip": 0.5}, (12, 20), IMAGENET),
    ({"grayscale": 0.5, "solarization": 0.5, "equalization": 0.5}, (12, 20), IMAGENET),
    ({"gaussian_blur": 0.5, "horizontal_flip": 0.5}, (9, 9), IMAGENET),
    ({}, (12, 20), HALVES),
]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_views_are_finished_together_as_each_alone(dtype):
    rng = np.random.default_rng(0)
    views, images, drawn = [], [], []
    for probs, size, mean_and_std in KINDS:
        node = OmegaConf.create(pipeline([*size], crop=False, **probs))
        views.append(View(node, size, mean_and_std))
        images.append(torch.from_numpy(rng.integers(0, 256, (N, *size, 3), dtype=np.uint8)))
        drawn.append(draw(node, sample_numbers([len(drawn)], np.arange(N))))
    together = finish_views(images, views, drawn, dtype)
    for view, image, draws, finished in zip(views, images, drawn, together, strict=True):
        assert finished.shape == (N, 3, *view.size)
        assert finished.dtype == dtype
        assert finished.is_contiguous(memory_format=torch.channels_last)
        (alone,) = finish_views([image], [view], [draws], dtype)
        # Half a level of 255 is allowed, because the window of a blur may be padded to the longer
        # window of another view.
        assert (finished - alone).abs().max() < 0.5 / 255 / min(view.mean_and_std[1])
