"""What a user asks for in ``augmentations`` is what the views show."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN

from leoclr_plugin.data.draws import by_name, color_factors, draw_views, sample_numbers
from leoclr_plugin.data.make import views_of
from leoclr_plugin.data.views import (
    View,
    given_mean_and_std,
    pretrain_views,
    take_normalization,
    val_view,
)
from leoclr_plugin.errors import UserError
from tests.configs import method_cfg, pipeline

SHAPES = [(64, 64), (50, 200), (200, 50), (33, 97), (480, 31), (1, 40), (700, 500)]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def views(*nodes, dataset="custom") -> list[View]:
    # With ImageNet's mean and deviation the colours would be hard to recognise.
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1]}
    return pretrain_views(OmegaConf.create([{**node, **plain} for node in nodes]), dataset)


def draw_many(image: Image.Image, views: list[View], n: int = 1) -> list[torch.Tensor]:
    """Return n draws of each view of one image, ``[n, 3, H, W]``."""
    return views_of([np.array(image)] * n, views, draw_views(views, 0, 0, np.arange(n)))


def marked(height: int, width: int, share: int = 4) -> Image.Image:
    """Return a black image with a coloured mark in each corner, 1/share of each side long."""
    pixels = np.zeros((height, width, 3), np.uint8)
    h, w = max(1, height // share), max(1, width // share)
    pixels[:h, :w], pixels[:h, -w:] = COLOURS["red"], COLOURS["green"]
    pixels[-h:, :w], pixels[-h:, -w:] = COLOURS["blue"], COLOURS["white"]
    return Image.fromarray(pixels)


def corners(view: torch.Tensor) -> list[tuple[int, int, int]]:
    places = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
    return [tuple((view[:, y, x] > 0.5).int().mul(255).tolist()) for y, x in places]


@pytest.mark.parametrize(("height", "width"), [s for s in SHAPES if min(s) > 1])
@pytest.mark.parametrize("size", [[32, 32], [24, 48]])
def test_original_keeps_all_four_corners_at_the_exact_size(height, width, size):
    ((view,),) = draw_many(marked(height, width), views(pipeline(size, crop=False)))
    assert tuple(view.shape) == (3, *size)
    assert corners(view) == list(COLOURS.values())


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_original_of_any_aspect_ratio_fits_the_batch(height, width):
    ((view,),) = draw_many(marked(height, width), views(pipeline([32, 32], crop=False)))
    assert tuple(view.shape) == (3, 32, 32)


def test_an_int_resizes_square_images_and_refuses_others():
    original = views(pipeline(32, crop=False))
    ((view,),) = draw_many(marked(50, 50), original)
    assert tuple(view.shape) == (3, 32, 32)
    with pytest.raises(UserError, match=r"an image of 50x80 pixels .* write crop_size: \[32, 32\]"):
        draw_many(marked(50, 80), original)


def test_crops_lose_corners():
    (crops,) = draw_many(marked(96, 96, share=24), views(pipeline(32)), 50)
    assert sum(corners(crop) == list(COLOURS.values()) for crop in crops) < 5


def test_crops_cover_the_areas_of_their_scale():
    # The red channel rises from 0 to 1 in x and the green one in y, so the range of a crop's
    # channels tells which part of the image it shows.
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (400, 1)), np.tile(ramp[:, None], (1, 400))], axis=-1)
    image = Image.fromarray(np.concatenate([pixels, np.zeros((400, 400, 1), np.uint8)], axis=-1))
    (crops,) = draw_many(image, views(pipeline(64)), 300)
    ranges = crops.amax(dim=(2, 3)) - crops.amin(dim=(2, 3))
    areas = (ranges[:, 0] * ranges[:, 1]).numpy()
    assert areas.min() > 0.17
    assert areas.max() > 0.9
    # The areas are uniform over [0.2, 1], except that some large ones do not fit at their aspect
    # ratio.
    assert areas.mean() == pytest.approx(0.55, abs=0.05)


def noise(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def test_views_are_the_crops_and_then_the_original():
    nodes = pipeline(32, 2), pipeline([32, 32], crop=False)
    (x1,), (x2,), (x,) = draw_many(marked(96, 64), views(*nodes))
    assert corners(x) == list(COLOURS.values())
    assert corners(x1) != list(COLOURS.values())
    assert not torch.equal(x1, x2)


@pytest.mark.parametrize(
    "probs",
    [
        {"horizontal_flip": 0.5},
        {"grayscale": 0.5},
        {"solarization": 0.5},
        {"equalization": 0.5},
        {"gaussian_blur": 0.5},
        {"color_jitter": 0.5},
    ],
)
def test_each_view_draws_its_appearance_independently(probs):
    # Each of the three views must be changed independently and with probability 0.5.
    image = noise(32, 32)
    ((plain,),) = draw_many(image, views(pipeline([32, 32], crop=False)))
    made = draw_many(image, views(pipeline([32, 32], 3, crop=False, **probs)), 400)
    drawn = np.array([[not torch.equal(view, plain) for view in column] for column in made]).T
    assert np.all(np.abs(drawn.mean(axis=0) - 0.5) < 0.1)
    correlations = np.corrcoef(drawn.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations) < 0.2)


def test_jitter_uses_each_strength_for_its_own_property():
    node = pipeline([8, 8], crop=False, color_jitter=1.0)
    strengths = {"brightness": 0.1, "contrast": 0.2, "saturation": 0.3, "hue": 0.05}
    node["color_jitter"].update(strengths)
    given = by_name(sample_numbers([0], np.arange(2000)))
    factors = color_factors(views(node)[0].node.color_jitter, 0.0, given)
    for name, strength in strengths.items():
        values = factors[name] / 360 if name == "hue" else factors[name] - 1
        assert values.min() == pytest.approx(-strength, rel=0.01)
        assert values.max() == pytest.approx(strength, rel=0.01)


def test_the_data_set_determines_the_normalisation():
    white, node = Image.new("RGB", (4, 4), (255, 255, 255)), pipeline([4, 4], crop=False)
    first = {
        name: draw_many(white, pretrain_views(OmegaConf.create([node]), name))[0][0, :, 0, 0]
        for name in ("imagenette", "cifar10")
    }
    assert first["imagenette"].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)
    assert first["cifar10"][0].item() == pytest.approx((1 - 0.4914) / 0.2470, abs=1e-4)


@pytest.mark.parametrize(("dataset", "shorter"), [("cifar10", None), ("custom", 37)])
def test_evaluation_crops_the_centre_except_of_small_square_images(dataset, shorter):
    assert val_view(dataset, (32, 32)).resize_shorter == shorter


@pytest.mark.parametrize(
    ("own", "dataset", "expected"),
    [
        ({"mean": [0.5] * 3, "std": [0.25] * 3}, "custom", ((0.5,) * 3, (0.25,) * 3)),
        ({"std": [0.25] * 3}, "custom", (IMAGENET_DEFAULT_MEAN, (0.25,) * 3)),
        # The training of a data set with known numbers takes these.
        ({"mean": [0.5] * 3, "std": [0.25] * 3}, "cifar10", None),
        ({}, "custom", None),
    ],
)
def test_evaluations_normalise_as_the_first_pipeline_does(own, dataset, expected):
    cfg = method_cfg(data__dataset=dataset)
    cfg.augmentations[0] = {**cfg.augmentations[0], **own}
    take_normalization(cfg)
    assert given_mean_and_std(cfg.data) == expected
    view = val_view(dataset, (32, 32), given_mean_and_std(cfg.data))
    assert view.mean_and_std == pretrain_views(cfg.augmentations, dataset)[0].mean_and_std
