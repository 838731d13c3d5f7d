"""The random draws have the same rates and ranges as torchvision's."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from leoclr_plugin.data.color import channel_maps
from leoclr_plugin.data.draws import (
    ATTEMPTS,
    NUMBERS,
    by_name,
    color_factors,
    draw,
    draw_views,
    sample_numbers,
)
from leoclr_plugin.data.views import pretrain_views
from tests.configs import pipeline

N = 20_000


def drawn(n: int = N, seed: int = 0, **kwargs) -> dict[str, np.ndarray]:
    return draw(OmegaConf.create(pipeline(32, **kwargs)), sample_numbers([seed], np.arange(n)))


def factors(node=None, **kwargs) -> dict[str, np.ndarray]:
    """Return the factors of the colours, of which ``draw`` returns the maps."""
    node = node or OmegaConf.create(pipeline(32, crop=False, **kwargs))
    given = by_name(sample_numbers([0], np.arange(N)))
    return color_factors(node.color_jitter, node.grayscale.prob, given)


def test_only_what_the_node_asks_for_is_drawn():
    assert drawn(crop=False) == {}
    assert set(drawn()) == {"area", "ratio", "place"}
    for colours in ({"grayscale": 0.2}, {"color_jitter": 0.8}):
        assert set(drawn(crop=False, **colours)) == {"colored", "maps", "greys"}


def test_crop_ranges():
    values = drawn()
    assert values["area"].shape == values["ratio"].shape == (N, ATTEMPTS)
    assert 0.2 <= values["area"].min() < 0.201
    assert 0.999 < values["area"].max() <= 1
    # The logarithm is distributed evenly, so that wide and tall crops are equally likely.
    assert np.log(values["ratio"]).mean() == pytest.approx(0, abs=0.002)
    assert values["ratio"].min() == pytest.approx(3 / 4, abs=1e-3)
    assert values["ratio"].max() == pytest.approx(4 / 3, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "low", "high", "unchanged"),
    [
        ("brightness", 0.6, 1.4, 1),
        ("contrast", 0.6, 1.4, 1),
        ("saturation", 0.6, 1.4, 1),
        ("hue", -36, 36, 0),
    ],
)
def test_jitter_is_applied_at_its_rate_and_evenly(name, low, high, unchanged):
    values = factors(color_jitter=0.8)[name]
    applied = values[values != unchanged]
    assert len(applied) / N == pytest.approx(0.8, abs=0.012)
    counts, _ = np.histogram(applied, bins=8, range=(low, high))
    assert counts.sum() == len(applied)
    assert counts / len(applied) == pytest.approx(np.full(8, 1 / 8), abs=0.012)


def test_no_factor_is_negative():
    node = OmegaConf.create(pipeline(32, crop=False, color_jitter=1.0))
    node.color_jitter.brightness = 1.5
    values = factors(node)["brightness"]
    assert 0 <= values.min() < 0.001
    assert 2.499 < values.max() <= 2.5


def test_jitter_changes_all_colours_of_an_image_or_none():
    values = factors(color_jitter=0.5)
    changed = [values[name] != 1 for name in ("brightness", "contrast", "saturation")]
    changed.append(values["hue"] != 0)
    assert all((changed[0] == other).all() for other in changed)


def test_grey_is_saturation_zero_with_and_without_jitter():
    assert (factors(grayscale=0.2)["saturation"] == 0).mean() == pytest.approx(0.2, abs=0.012)
    # An image that the jitter changes but that is not made grey keeps its saturation.
    node = OmegaConf.create(pipeline(32, crop=False, grayscale=0.2, color_jitter=0.8))
    node.color_jitter.saturation = 0
    saturation = factors(node)["saturation"]
    assert set(np.unique(saturation)) == {0, 1}
    both = factors(grayscale=0.2, color_jitter=0.8)["saturation"]
    assert (both == 0).mean() == pytest.approx(0.2, abs=0.012)
    assert (both == 1).mean() == pytest.approx(0.8 * 0.2, abs=0.012)


def test_the_maps_are_those_of_the_factors():
    expected = channel_maps(**factors(grayscale=0.2, color_jitter=0.8))
    values = drawn(crop=False, grayscale=0.2, color_jitter=0.8)
    assert (values["maps"] == expected[0]).all()
    assert (values["greys"] == expected[1]).all()


def test_colored_marks_the_images_whose_colours_change():
    values = drawn(crop=False, grayscale=0.2, color_jitter=0.8)
    values |= factors(grayscale=0.2, color_jitter=0.8)
    changed = (values["hue"] != 0) | (values["saturation"] != 1) | (values["contrast"] != 1)
    assert (values["colored"] == changed).all()
    assert values["colored"].mean() == pytest.approx(1 - 0.2 * 0.8, abs=0.012)


def test_blur_reaches_two_sigma_and_is_applied_at_its_rate():
    values = drawn(crop=False, gaussian_blur=0.5)
    assert values["blurred"].mean() == pytest.approx(0.5, abs=0.012)
    assert 0.1 <= values["sigma"].min() < 0.11
    assert 1.99 < values["sigma"].max() <= 2
    assert (values["window"] % 2 == 1).all()
    reach = (values["window"] - 1) / 2
    assert (reach >= 2 * values["sigma"]).all()
    assert (reach < 2 * values["sigma"] + 1).all()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("solarization", "solarized"),
        ("equalization", "equalized"),
        ("horizontal_flip", "mirror"),
    ],
)
def test_solarization_and_flip_are_drawn_at_their_rates(name, key):
    values = drawn(crop=False, **{name: 0.3})[key]
    assert set(np.unique(values)) == {0, 1}
    assert values.mean() == pytest.approx(0.3, abs=0.012)


def test_a_samples_numbers_are_its_part_of_the_stream():
    indexes = np.random.default_rng(0).permutation(300)[:50]
    stream = np.random.Generator(np.random.PCG64([7, 3])).random((300, NUMBERS))
    assert (sample_numbers([7, 3], indexes) == stream[indexes]).all()


def test_seed_epoch_and_sample_determine_the_draws_and_nothing_else():
    def views(blur: float, crops: int = 2):
        return pretrain_views(
            OmegaConf.create([pipeline(32, crops, gaussian_blur=blur, color_jitter=0.8)]), "custom"
        )

    first = draw_views(views(0.5), 5, 1, np.array([4, 9, 2]))
    # Another batch, another number of views, or a view without a blur changes nothing.
    for changed in (views(0.5, crops=3), views(0)):
        again = draw_views(changed, 5, 1, np.array([2, 8, 4]))
        for name in ("area", "place", "maps"):
            assert (again[1][name][[2, 0]] == first[1][name][[0, 2]]).all()
    for other in (
        draw_views(views(0.5), 6, 1, np.array([4])),
        draw_views(views(0.5), 5, 2, np.array([4])),
    ):
        assert not (other[0]["area"] == first[0]["area"][0]).any()
    assert not (first[0]["area"] == first[1]["area"]).any()
