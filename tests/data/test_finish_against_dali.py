"""Colours and blurs of all loaders are compared to DALI's own operators."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

pytest.importorskip("nvidia.dali")
from nvidia.dali import fn, pipeline_def, types

from leoclr_plugin.data.draws import Drawn, by_name, color_factors, draw, sample_numbers
from leoclr_plugin.data.views import View
from tests.configs import pipeline
from tests.data.makers import MAKERS

N = 64
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@pipeline_def(enable_conditionals=True, batch_size=N, num_threads=2, device_id=None)
def dali_color(images: np.ndarray, drawn: Drawn):
    image, colored, *factors = fn.external_source(
        lambda: [images, *drawn.values()], num_outputs=1 + len(drawn), layout=["HWC"] + [""] * 5
    )
    brightness, contrast, saturation, hue = factors
    if colored:
        grey = fn.reductions.sum(fn.reductions.mean(image, axes=[0, 1]) * types.Constant(LUMA))
        image = fn.hsv(image, dtype=types.FLOAT, saturation=saturation, hue=hue)
        image = fn.brightness_contrast(
            image,
            dtype=types.UINT8,
            brightness=brightness,
            contrast=contrast,
            contrast_center=grey,
        )
    return image


@pipeline_def(enable_conditionals=True, batch_size=N, num_threads=2, device_id=None)
def dali_blur(images: np.ndarray, drawn: Drawn):
    image, blurred, sigma, window = fn.external_source(
        lambda: [images, *drawn.values()], num_outputs=4, layout=["HWC", "", "", ""]
    )
    if blurred:
        image = fn.gaussian_blur(image, sigma=sigma, window_size=window)
    return image


@pytest.mark.parametrize("make", [MAKERS[name] for name in MAKERS], ids=list(MAKERS))
@pytest.mark.parametrize("size", [(24, 40), (3, 5), (1, 2)])
@pytest.mark.parametrize(
    ("probs", "by_dali"),
    [
        ({"color_jitter": 0.8, "grayscale": 0.2}, dali_color),
        ({"gaussian_blur": 0.9}, dali_blur),
    ],
    ids=["color", "blur"],
)
def test_images_are_changed_as_dali_changes_them(tmp_path, make, probs, by_dali, size):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, *size, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(N)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    node = OmegaConf.create(pipeline([*size], crop=False, **probs))
    numbers = sample_numbers([0], np.arange(N))
    drawn = draw(node, numbers)
    # What torch finishes is not rounded.
    got = make(paths, View(node, size, ((0.0,) * 3, (1 / 255,) * 3)), drawn).round()
    given = drawn
    if "colored" in drawn:
        factors = color_factors(node.color_jitter, node.grayscale.prob, by_name(numbers))
        given = {"colored": drawn["colored"], **factors}
    kinds = {"f": np.float32, "i": np.int32, "b": bool}
    given = {name: values.astype(kinds[values.dtype.kind]) for name, values in given.items()}
    expected = torch.from_dlpack(by_dali(images, given).run()[0].as_tensor()).numpy()
    # One level is allowed: both round once, and DALI's constants of the chroma differ in the
    # fourth digit.
    assert np.abs(got - expected).max() <= 1
