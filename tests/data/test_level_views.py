"""Test the views of images with any number of channels, by OpenCV and by torch, against numpy.

Bounds are in levels of 255.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

from leoclr_plugin.data import opencv
from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.make import resize_views, views_of
from leoclr_plugin.data.views import View, given_mean_and_std
from leoclr_plugin.errors import UserError
from tests.configs import pipeline
from tests.data.test_make import picture

SIZE = (24, 32)


def images(channels: int, height: int = 60, width: int = 80) -> list[np.ndarray]:
    """Return smooth levels from 0 to 255 that are not whole."""
    parts = [
        np.asarray(picture(seed, height, width)) + 0.37 * (seed + 1) for seed in range(channels)
    ]
    levels = np.stack([part[..., 0] for part in parts], axis=-1)
    return [levels.clip(0, 255).astype(np.float32), levels[::-1].clip(0, 255).astype(np.float32)]


def view_of(channels: int, crop: bool = True, **probs: float) -> View:
    node = pipeline(list(SIZE), crop=crop, **probs)
    node["color_jitter"] |= {"saturation": 0.0, "hue": 0.0}
    plain = ((0.0,) * channels, (1 / 255,) * channels)
    return View(OmegaConf.create(node), SIZE, plain)


def made(levels, view: View, way: str, monkeypatch) -> tuple[np.ndarray, dict]:
    """Return the finished views ``[n, H, W, C]`` and their draws."""
    drawn = draw_views([view], 3, 0, np.arange(len(levels)))
    if way == "gpu":
        resized = torch.empty(len(levels), *SIZE, view.channels)
        resize_views(levels, [view], drawn, [resized])
        (out,) = finish_views([resized], [view], drawn, torch.float32, torch.float32)
    else:
        if way == "torch":
            monkeypatch.setattr(opencv, "has_opencv", lambda: False)
        (out,) = views_of(levels, [view], drawn)
    return out.permute(0, 2, 3, 1).numpy(), drawn[0]


@pytest.mark.parametrize("way", ["opencv", "torch", "gpu"])
@pytest.mark.parametrize("channels", [1, 2, 3, 5, 16])
def test_jitter_of_brightness_and_contrast_flip_and_solarisation(channels, way, monkeypatch):
    if way == "opencv":
        pytest.importorskip("cv2")
    levels = [image[: SIZE[0], : SIZE[1]] for image in images(channels)]
    probs = {"color_jitter": 1.0, "horizontal_flip": 1.0, "solarization": 1.0}
    got, drawn = made(levels, view_of(channels, crop=False, **probs), way, monkeypatch)
    weights = [0.299, 0.587, 0.114] if channels == 3 else [1 / channels] * channels
    for image, view, maps, greys in zip(levels, got, drawn["maps"], drawn["greys"], strict=True):
        factor = maps[0, 0]
        # Brightness times contrast, and the rest of the brightness for the mean grey.
        assert abs(factor - 1) > 0.02
        mean_grey = (image.mean(axis=(0, 1)) * weights).sum()
        expected = (factor * image + greys * mean_grey).clip(0, 255)
        expected = np.where(expected >= 127.5, 255 - expected, expected)[:, ::-1]
        # float32; a level at the threshold of the solarisation may be on either side of it.
        assert np.quantile(np.abs(view - expected), 0.99) < 2e-3


@pytest.mark.parametrize("way", ["opencv", "torch", "gpu"])
@pytest.mark.parametrize("channels", [1, 5])
def test_crop_and_blur(channels, way, monkeypatch):
    if way == "opencv":
        pytest.importorskip("cv2")
    view = view_of(channels, gaussian_blur=1.0)
    got, drawn = made(images(channels), view, way, monkeypatch)
    sharp, _ = made(images(channels), view_of(channels), way, monkeypatch)
    for i, (blurred, image) in enumerate(zip(got, sharp, strict=True)):
        reach = drawn["window"][i] // 2
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / drawn["sigma"][i]) ** 2)
        kernel = torch.from_numpy(np.outer(weights, weights) / weights.sum() ** 2).float()
        planes = F.pad(torch.from_numpy(image).permute(2, 0, 1)[:, None], [reach] * 4, "reflect")
        expected = F.conv2d(planes, kernel[None, None])[:, 0].permute(1, 2, 0).numpy()
        assert np.abs(blurred - expected).max() < 2e-3
        assert np.abs(blurred - image).max() > 1


def test_bicubic_resize_stays_within_the_levels(monkeypatch):
    edge = np.zeros((60, 80, 1), np.float32)
    edge[:, 40:] = 255
    got, _ = made([edge], view_of(1, crop=False), "torch", monkeypatch)
    assert (got.min(), got.max()) == (0, 255)


def test_rgb_of_8_bits_differs_from_the_path_of_bytes_by_rounding(monkeypatch):
    view = view_of(3, color_jitter=0.8, gaussian_blur=0.5, horizontal_flip=0.5)
    as_bytes = [np.asarray(picture(seed)) for seed in range(4)]
    got, _ = made([image.astype(np.float32) for image in as_bytes], view, "opencv", monkeypatch)
    expected, _ = made(as_bytes, view, "opencv", monkeypatch)
    assert 0 < np.abs(got - expected).mean() < 0.6


def test_other_channels_than_three_need_a_mean_and_a_standard_deviation():
    data = OmegaConf.create({"channels": 2})
    with pytest.raises(UserError, match=r"data\.channels=2 needs data\.mean and data\.std"):
        given_mean_and_std(data)
    data.update({"mean": [0.1, 0.2], "std": [0.3, 0.4]})
    assert given_mean_and_std(data) == ((0.1, 0.2), (0.3, 0.4))
    assert given_mean_and_std(OmegaConf.create()) is None
