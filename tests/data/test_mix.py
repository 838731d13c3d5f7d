"""Test Random Crop and Mix."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.mix import Mix, assemble, draw_mix, mix_regions
from leoclr_plugin.data.views import pretrain_views
from leoclr_plugin.errors import UserError
from tests.configs import pipeline, views
from tests.data.folders import folder_cfg

MIX = Mix()


def drawn(count: int, mix: Mix = MIX) -> dict[str, np.ndarray]:
    return draw_mix(mix, np.random.default_rng(0).random((count, mix.numbers)))


def part(values: dict, i: int) -> dict:
    return {name: value[i] for name, value in values.items()}


def test_crops_are_squares_of_the_drawn_scale_anywhere_in_the_image():
    values = drawn(3000)
    sizes = np.tile([[96, 60], [40, 120]], (1500, 1))
    starts, stops = mix_regions(sizes, values["mix_scale"], values["mix_place"])
    sides = stops - starts
    expected = np.floor(sizes.min(axis=1) / values["mix_scale"] + 0.5)
    assert starts.shape == (3000, 2, 2)
    assert (sides == expected[:, None, None]).all()
    assert (starts >= 0).all() and (stops <= sizes[:, None]).all()
    assert set(values["mix_scale"]) == {3, 6, 12}
    # Both ends are reached.
    assert starts[::2, :, 0].min() == 0 and stops[::2, :, 0].max() == 96


def test_each_crop_lies_once_as_it_is_and_once_changed_in_a_shuffled_grid():
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (2, 8, 8, 3), generator=generator, dtype=torch.uint8)
    values, places = drawn(200), set()
    changed = 0
    for i in range(200):
        view = assemble(MIX, crops, part(values, i))
        tiles = [view[y : y + 8, x : x + 8] for y in (0, 8) for x in (0, 8)]
        for crop in crops:
            same = [number for number, tile in enumerate(tiles) if torch.equal(tile, crop)]
            assert same
            places.update(same)
            changed += len(same) == 1
    assert places == {0, 1, 2, 3}
    # A copy stays as it is if none of the four changes is drawn, each with probability 1/2.
    assert changed / 400 == pytest.approx(15 / 16, abs=4 * (15 / 256 / 400) ** 0.5)


def test_a_copy_has_torchvisions_changes():
    off, on = 0.9, 0.1
    crops = torch.arange(8 * 8 * 3, dtype=torch.uint8).view(1, 8, 8, 3)
    mix = Mix((3,), 2, 4)

    def copy(*numbers):
        values = {
            "mix_order": np.arange(4),
            "mix_changes": np.array([[off] * 8, numbers, numbers, numbers]),
        }
        return assemble(mix, crops, values)[:8, 8:]

    assert torch.equal(copy(*[off] * 8), crops[0])
    assert torch.equal(copy(on, *[off] * 7), crops[0].flip(1))
    assert torch.equal(copy(off, on, *[off] * 6), crops[0].flip(0))
    assert not torch.equal(copy(off, off, on, 1.0, *[off] * 4), crops[0])
    bright = copy(*[off] * 4, on, 1.0, 0.5, 0.5)
    assert torch.equal(bright, (crops[0].float() * 1.2).clamp(max=255).to(torch.uint8))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    y, x = np.mgrid[:90, :120]
    for number in range(8):
        pixels = np.stack([2 * x + number, 2 * y, x + y], -1).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a" / f"{number}.png")
    return tmp_path


def cfg_of(folder, form="image_folder", **mix):
    first, original = views("leoclr")
    first = {**first, "rrc": {"enabled": False}, "crop_size": [32, 32], "mix": mix}
    return folder_cfg(folder, (first, original), form)


def test_both_loaders_show_the_same_mixes(folder):
    pytest.importorskip("nvidia.dali")
    own, dali = (
        list(pretrain_loader(cfg_of(folder, form, scales=[2, 3])))
        for form in ("image_folder", "dali")
    )
    for one, other in zip(own, dali, strict=True):
        for a, b in zip(one[1], other[1], strict=True):
            # As in test_same_views: a resize differs by rounding, and at the edge of a crop.
            assert (255 * (a - b)).abs().mean() < 1.5
    first, second, _ = own[0][1]
    assert not torch.equal(first, second)


def test_views_with_a_mix_leave_the_draws_of_others_as_they_are():
    nodes = [pipeline(32, 1), {**pipeline([32, 32], 1, crop=False), "mix": {}}]
    plain = pretrain_views(OmegaConf.create(nodes[:1]), "custom")
    mixed = pretrain_views(OmegaConf.create(nodes), "custom")
    alone, *_ = draw_views(plain, 5, 0, np.arange(3))
    beside, mix = draw_views(mixed, 5, 0, np.arange(3))
    assert all((alone[name] == beside[name]).all() for name in alone)
    (again,) = draw_views(mixed, 5, 0, np.array([2]))[1:]
    assert (again["mix_order"] == mix["mix_order"][2:]).all()


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ({"copies": 3}, r"augmentations\[0\]\.mix\.copies=3 must divide the 4 tiles"),
        ({"grid": 3, "copies": 3}, r"crop_size=\[32, 32\] must be a multiple of .*grid=3"),
        ({"scales": [0.5]}, r"mix\.scales=\[0\.5\] must be a list of numbers of at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(folder, mix, message):
    with pytest.raises(UserError, match=message):
        cfg_of(folder, **mix)
