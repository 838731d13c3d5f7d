"""Test the degradations of views."""

import io

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from scipy.ndimage import gaussian_filter

from leoclr_plugin.commands.main import main
from leoclr_plugin.data.degrade import Degrade, draw_degrade
from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.data.views import pretrain_views
from leoclr_plugin.errors import UserError
from tests.configs import pipeline, views
from tests.data import makers
from tests.data.folders import folder_cfg
from tests.data.test_make import picture

ALL = {"blur": [0, 2], "illumination": [0, 0.6], "noise": [0, 0.1], "jpeg": [95, 20]}


def image(height: int = 40, width: int = 56) -> torch.Tensor:
    """Return a picture ``[3, H, W]`` without pure black and white, which would be cut off."""
    pixels = np.array(picture(3, height, width)).astype(float)
    return torch.from_numpy((64 + pixels / 3).astype(np.uint8)).permute(2, 0, 1)


def alone(level: float = 1.0, light: float = 0.0, **kind) -> torch.Tensor:
    return Degrade(1.0, (0, 1), **kind)(image(), level, light, 7).float()


def test_each_degradation_is_what_a_plain_computation_says():
    plain = image().float()
    blurred = gaussian_filter(plain.numpy(), (0, 1.5, 1.5), mode="mirror", truncate=2)
    assert (alone(blur=(0, 3), level=0.5) - torch.from_numpy(blurred)).abs().max() <= 1
    ramp = torch.linspace(-1, 1, 56)
    assert (alone(illumination=(0, 0.5)) - plain * (1 + 0.5 * ramp)).abs().max() <= 0.5
    slope = torch.linspace(-1, 1, 40)[:, None]
    darker_below = alone(illumination=(0, 0.5), light=0.75)
    assert (darker_below - plain * (1 - 0.5 * slope)).abs().max() <= 0.5
    noise = alone(noise=(0.0, 0.04)) - plain
    assert noise.std() == pytest.approx(255 * 0.04, rel=0.05)
    assert noise.mean().abs() < 1
    stored = io.BytesIO()
    Image.fromarray(image().permute(1, 2, 0).numpy()).save(stored, "JPEG", quality=20)
    compressed = torch.from_numpy(np.array(Image.open(stored))).permute(2, 0, 1)
    assert (alone(jpeg=(90, 20)) - compressed).abs().mean() < 0.5


def test_a_higher_level_is_further_from_the_picture_and_level_0_of_zeros_is_the_picture():
    plain = image().float()
    for name, ends in ALL.items():
        distances = [
            (alone(level, 0.1, **{name: tuple(ends)}) - plain).abs().mean() for level in (0, 0.5, 1)
        ]
        assert distances[0] < distances[1] < distances[2], name
        assert name == "jpeg" or distances[0] == 0


def test_a_blur_that_is_wider_than_the_picture_is_possible():
    small = torch.zeros(3, 4, 9, dtype=torch.uint8)
    assert Degrade(1.0, (0, 1), blur=(9, 9))(small, 1.0, 0.0, 0).shape == (3, 4, 9)


def test_draws_have_the_probability_and_the_ends_of_the_levels():
    settings = Degrade(0.3, (0.2, 0.6), noise=(0, 0.1))
    drawn = draw_degrade(settings, np.random.default_rng(0).random((4000, 4)))
    assert drawn["degraded"].mean() == pytest.approx(0.3, abs=4 * (0.21 / 4000) ** 0.5)
    levels = drawn["degrade_level"]
    assert 0.2 <= levels.min() < 0.21 and 0.59 < levels.max() < 0.6
    assert len(set(drawn["degrade_seed"].tolist())) == 4000


def test_degradations_leave_all_other_draws_as_they_are():
    nodes = [pipeline(32, 1, color_jitter=0.8), {**pipeline(32, 1), "mix": None}]
    plain = pretrain_views(OmegaConf.create(nodes), "custom")
    nodes[0]["degrade"] = ALL
    degraded = pretrain_views(OmegaConf.create(nodes), "custom")
    before, after = (draw_views(made, 5, 0, np.arange(3)) for made in (plain, degraded))
    for one, other in zip(before, after, strict=True):
        assert all((one[name] == other[name]).all() for name in one)
    (again, _) = draw_views(degraded, 5, 0, np.array([2]))
    assert again["degrade_seed"] == after[0]["degrade_seed"][2:]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(8):
        picture(number, 60 + number, 90 - number).save(tmp_path / "a" / f"{number}.png")
    return tmp_path


def cfg_of(folder, degrade, form="image_folder", **changes):
    first, original = views("leoclr")
    return folder_cfg(folder, ({**first, "degrade": degrade}, original), form, **changes)


def batches(cfg, epoch=0, first=0) -> list:
    loader = pretrain_loader(cfg)
    sampler_of(loader).set_epoch(epoch)
    sampler_of(loader).skipped = first
    return list(loader)


def test_a_view_is_the_same_by_all_ways_to_make_it(folder):
    node = {**pipeline([32, 32], crop=False), "degrade": {**ALL, "level": [0.5, 1]}}
    (view,) = pretrain_views(OmegaConf.create([node]), "custom", ((0.0,) * 3, (1.0,) * 3))
    paths = sorted((folder / "a").iterdir())
    drawn = draw_views([view], 5, 0, np.arange(len(paths)))[0]
    made = {
        name: make(paths, view, drawn) for name, make in makers.MAKERS.items() if "dali" not in name
    }
    first = made.pop("threads")
    for name, other in made.items():
        # A level that half precision rounds differently can turn a whole block of a JPEG.
        assert 255 * np.abs(first - other).mean() < 0.5, name


@pytest.mark.parametrize("name", list(ALL))
def test_both_loaders_show_the_same_degradations(folder, name):
    pytest.importorskip("nvidia.dali")
    degrade = {name: ALL[name], "level": [0.5, 1]}
    own, dali = (batches(cfg_of(folder, degrade, form)) for form in ("image_folder", "dali"))
    plain = batches(cfg_of(folder, None))
    for one, other, without in zip(own, dali, plain, strict=True):
        for number, (a, b) in enumerate(zip(one[1], other[1], strict=True)):
            # As in test_same_views: a resize differs by rounding, and at the edge of a crop.
            assert (255 * (a - b)).abs().mean() < 1.5
            assert torch.equal(a, without[1][number]) == (number == 2)


def test_a_resumed_epoch_shows_the_same_degradations(folder):
    cfg = cfg_of(folder, {**ALL, "prob": 0.5})
    (_, whole), (rest,) = batches(cfg, 2), batches(cfg, 2, first=1)
    assert all(torch.equal(*pair) for pair in zip(whole[1], rest[1], strict=True))
    # Both crops of an image have draws of their own.
    assert not torch.equal(whole[1][0], whole[1][1])


def test_leoclr_views_draws_them(folder, tmp_path):
    words = ["views", str(folder), "--out", str(tmp_path / "views.png"), "--images", "2"]
    main(words)
    plain = np.array(Image.open(tmp_path / "views.png"))
    main([*words, "+augmentations.0.degrade.noise=[0.3,0.3]"])
    noisy = np.array(Image.open(tmp_path / "views.png"))
    assert plain.shape == noisy.shape
    assert (plain != noisy).any()


@pytest.mark.parametrize(
    ("degrade", "message"),
    [
        ({"prob": 0.5}, r"augmentations\[0\].degrade changes nothing: give it blur or"),
        ({"blur": [-1, 2]}, r"degrade.blur=\[-1, 2\] must be a pair of numbers of at least 0"),
        ({"noise": 0.1}, "degrade.noise=0.1 must be a pair of numbers from 0 to 1"),
        ({"jpeg": [0, 50]}, r"degrade.jpeg=\[0, 50\] must be a pair of whole numbers from 1"),
        ({**ALL, "level": [0, 2]}, r"degrade.level=\[0, 2\] must be a pair of numbers from 0 to"),
        ({**ALL, "prob": 2}, "degrade.prob=2 must be a number from 0 to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(folder, degrade, message):
    with pytest.raises(UserError, match=message):
        cfg_of(folder, degrade)


def test_images_of_other_depths_have_none(folder):
    with pytest.raises(UserError, match=r"degrade and extra need RGB .*augmentations.0.degrade=nu"):
        cfg_of(folder, ALL, data__range=[0, 255])
    # What the message says helps.
    cfg_of(folder, None, data__range=[0, 255])
