"""The operators for the CPU and the GPU, both on the CPU, are compared to DALI's own operators."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

pytest.importorskip("nvidia.dali")
from nvidia.dali import fn, pipeline_def, types

from leoclr_plugin.data.dali import graph
from leoclr_plugin.data.dali.draws import Drawn, draw
from leoclr_plugin.data.dali.files import encode_paths
from leoclr_plugin.data.dali.operators import GPU
from leoclr_plugin.data.dali.views import View
from tests.configs import pipeline
from tests.data.dali.conftest import graph_place

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


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
@pytest.mark.parametrize("size", [(24, 40), (3, 5), (1, 2)])
@pytest.mark.parametrize(
    ("probs", "by_dali"),
    [
        ({"color_jitter": 0.8, "grayscale": 0.2}, dali_color),
        ({"gaussian_blur": 0.9}, dali_blur),
    ],
    ids=["color", "blur"],
)
def test_images_are_changed_as_dali_changes_them(tmp_path, monkeypatch, probs, by_dali, size, kind):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, *size, 3), dtype=np.uint8)
    files = []
    for number, image in enumerate(images):
        path = tmp_path / f"{number}.png"
        Image.fromarray(image).save(path)
        files.append(str(path))
    node = OmegaConf.create(pipeline([*size], crop=False, **probs))
    view = View(node, size, ((0.0,) * 3, (1 / 255,) * 3))
    drawn = draw(node, rng, N)
    if kind == "gpu":
        monkeypatch.setattr(graph, "operators_on", lambda device, threads: GPU)
    ours = graph.Graph(
        lambda: (np.arange(N), encode_paths(files), [drawn]),
        [view],
        batch_size=N,
        threads=2,
        **graph_place(),
    )
    # The operators for the GPU do not round.
    got = ours.run()[1][0].permute(0, 2, 3, 1).cpu().round().numpy()
    expected = torch.from_dlpack(by_dali(images, drawn).run()[0].as_tensor()).numpy()
    # One level is allowed: both round once, and DALI's constants of the chroma differ in the
    # fourth digit.
    assert np.abs(got - expected).max() <= 1
