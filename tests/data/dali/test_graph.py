"""The graph's own business; tests/data/test_make.py compares its views to PIL's."""

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

pytest.importorskip("nvidia.dali")

from leoclr_plugin.data.dali.graph import Graph, undecodable
from leoclr_plugin.data.stores.files import FileStore
from leoclr_plugin.data.views import View
from tests.configs import pipeline
from tests.data.dali.conftest import DEVICE
from tests.data.test_make import RAW


def test_undecodable_names_every_bad_file(tmp_path):
    bad = [tmp_path / "bad.jpg", tmp_path / "worse.png"]
    for path in bad:
        path.write_bytes(b"\xff\xd8\xff\xe0 no image")
    good = [tmp_path / "good0.png", tmp_path / "good1.png"]
    for path in good:
        Image.new("RGB", (9, 9)).save(path)
    images = FileStore.of_paths([good[0], bad[0], bad[1], good[1], tmp_path / "not there.png"])
    (*undecoded, missing) = undecodable(images, range(5), DEVICE.get())
    assert undecoded == [(1, "DALI cannot decode it"), (2, "DALI cannot decode it")]
    assert missing[0] == 4
    assert "No such file" in missing[1]


def test_the_graph_for_a_gpu_can_be_defined_without_a_gpu():
    # The graph cannot run here. But DALI refuses most operators that a GPU does not have when they
    # are defined, such as the resize for the CPU.
    appearance = ("color_jitter", "grayscale", "gaussian_blur", "solarization", "horizontal_flip")
    views = []
    for crop in (True, False):
        node = pipeline([48, 64], crop=crop, **dict.fromkeys(appearance, 0.5))
        views.append(View(OmegaConf.create(node), (48, 64), RAW))
    Graph(
        lambda: None,
        views,
        batch_size=2,
        threads=1,
        device="gpu",
        device_id=0,
        name=str,
        dtype=torch.float16,
    )
