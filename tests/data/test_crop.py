"""The place of a crop is compared to brute force; test_graph.py tests the distribution of crops."""

import math

import numpy as np

from leoclr_plugin.data.crop import crop_regions


def by_hand(height, width, areas, ratios, place):
    """Find one image's rectangle attempt by attempt, as RandomResizedCrop does."""
    for area, ratio in zip(areas, ratios, strict=True):
        w = math.floor(math.sqrt(area * height * width * ratio) + 0.5)
        h = math.floor(math.sqrt(area * height * width / ratio) + 0.5)
        if 0 < w <= width and 0 < h <= height:
            top = math.floor(place[0] * (height - h + 1))
            left = math.floor(place[1] * (width - w + 1))
            return top, left, top + h, left + w
    h, w = height, width
    if width / height < 3 / 4:
        h = math.floor(width / (3 / 4) + 0.5)
    elif width / height > 4 / 3:
        w = math.floor(height * (4 / 3) + 0.5)
    top, left = (height - h) // 2, (width - w) // 2
    return top, left, top + h, left + w


def test_regions_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    n = 500
    # Some images are so long that some or all attempts fail. Others are so small that a rectangle
    # may have no pixel.
    sides = [4 if number % 5 == 0 else 400 for number in range(n)]
    shapes = [np.array([*rng.integers(1, side, 2), 3]) for side in sides]
    areas = list(rng.uniform(0.08, 1, (n, 10)).astype(np.float32))
    ratios = list(np.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3), (n, 10))).astype(np.float32))
    places = list(rng.random((n, 2), dtype=np.float32))
    starts, ends = crop_regions(
        np.stack(shapes)[:, :2], np.stack(areas), np.stack(ratios), np.stack(places)
    )
    assert (ends > starts).all()
    got = np.concatenate([starts, ends], axis=1)
    expected = [
        by_hand(int(shape[0]), int(shape[1]), area, ratio, place)
        for shape, area, ratio, place in zip(
            shapes, np.float64(areas), np.float64(ratios), np.float64(places), strict=True
        )
    ]
    # A side that ends in a half before rounding may be rounded up or down.
    assert (got == np.array(expected)).all(axis=1).mean() > 0.99
    assert (np.abs(got - np.array(expected)) <= 1).all()
    too_long = [(shape[:2].max() > 4 * shape[:2].min()) for shape in shapes]
    assert sum(too_long) > 50
