"""Test RandAugment against torchvision's own, whose draws are replaced by those of the test."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torchvision.transforms import InterpolationMode
from torchvision.transforms import RandAugment as TorchvisionRandAugment

from leoclr_plugin.data import opencv
from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.loaders import linear_train_loader
from leoclr_plugin.data.make import views_of
from leoclr_plugin.data.rand_augment import RandAugment, change_image, draw_changes
from leoclr_plugin.data.views import linear_train_view

CHANGES = 14


def picture(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("number", range(CHANGES))
def test_each_change_is_torchvisions(number, direction, monkeypatch):
    draws = iter([number, direction])
    monkeypatch.setattr(torch, "randint", lambda *args, **kwargs: torch.tensor([next(draws)]))
    bilinear = InterpolationMode.BILINEAR
    theirs = TorchvisionRandAugment(1, 12, interpolation=bilinear)
    image = picture()
    expected = theirs(torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    changed = change_image(image, RandAugment(1, 12), np.array([[number, direction]]))
    # Strengths differ in the last digit, and with them a few roundings.
    assert np.abs(changed.astype(int) - expected).max() <= 1
    assert changed.flags.c_contiguous
    np.testing.assert_array_equal(image, picture())


def test_draws_cover_all_changes_in_both_directions():
    numbers = np.random.default_rng(0).random((2000, 6))
    drawn = draw_changes(RandAugment(2, 9), numbers)
    assert drawn.shape == (2000, 2, 2)
    counts = np.bincount(drawn[..., 0].ravel(), minlength=CHANGES)
    assert len(counts) == CHANGES
    assert counts.min() > 200
    assert 0.45 < drawn[..., 1].mean() < 0.55
    # The two changes of an image are drawn independently.
    assert 0.03 < (drawn[:, 0, 0] == drawn[:, 1, 0]).mean() < 0.12


def test_other_draws_are_the_same_with_and_without():
    plain, changed = (
        linear_train_view("custom", (16, 16), settings) for settings in (None, RandAugment(2, 9))
    )
    indexes = np.array([3, 0, 7])
    (without,), (drawn,) = (draw_views([view], 5, 2, indexes) for view in (plain, changed))
    assert drawn.keys() - without.keys() == {"changes"}
    for name, values in without.items():
        np.testing.assert_array_equal(drawn[name], values)
    # An image's changes depend on the seed, the epoch and the image, not on its batch.
    (alone,) = draw_views([changed], 5, 2, indexes[2:])
    np.testing.assert_array_equal(alone["changes"], drawn["changes"][2:])
    views = [changed] * 40
    other = [draw_views(views, seed, epoch, indexes) for seed, epoch in ((5, 2), (6, 2), (5, 3))]
    first, *rest = (np.stack([view["changes"] for view in drawn]) for drawn in other)
    assert all((first != more).any() for more in rest)


@pytest.mark.parametrize("with_opencv", [False, True])
def test_a_view_is_resized_changed_and_then_normalised(with_opencv, monkeypatch):
    if with_opencv and not opencv.has_opencv():
        pytest.skip("OpenCV is not installed")
    monkeypatch.setattr(opencv, "has_opencv", lambda: with_opencv)
    images = [picture(seed) for seed in range(3)]
    plain = linear_train_view("custom", (12, 12))
    (drawn,) = draw_views([plain], 0, 0, np.arange(3))
    # A brightness of the highest strength is far from the unchanged image.
    drawn["changes"] = np.full((3, 1, 2), (6, 1))
    view = linear_train_view("custom", (12, 12), RandAugment(1, 30))
    (before,), (after,) = (views_of(images, [each], [drawn]) for each in (plain, view))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in view.mean_and_std)
    levels = 255 * (before * std + mean)
    assert (255 * (after * std + mean) - 0.1 * levels).abs().max() <= 1


def batches(folder, threads: int, **settings) -> list[torch.Tensor]:
    data = {"dataset": "custom", "train_path": f"{folder}/train", "val_path": f"{folder}/val"}
    cfg = {
        "data": {**data, "format": "image_folder", "num_workers": threads},
        "optimizer": {"batch_size": 8},
        "devices": [0],
        "seed": 5,
        "rand_augment": settings,
    }
    return [images for images, _ in linear_train_loader(OmegaConf.create(cfg), (16, 16))]


def test_a_loader_makes_the_same_changes_with_any_number_of_threads(image_folder):
    one, three = (
        torch.cat(batches(image_folder, threads, num_ops=2, magnitude=9)) for threads in (1, 3)
    )
    assert torch.equal(one, three)
    unchanged = torch.cat(batches(image_folder, 1, num_ops=0, magnitude=9))
    differs = (one != unchanged).flatten(1).any(dim=1)
    # Only an image with two changes that do nothing to it stays the same.
    assert differs.float().mean() > 0.7
