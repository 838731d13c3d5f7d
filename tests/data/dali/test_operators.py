"""OpenCV's operators against DALI's."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

pytest.importorskip("nvidia.dali")

from leoclr_plugin.data.dali import graph
from leoclr_plugin.data.dali.draws import draw
from leoclr_plugin.data.dali.operators import DALI
from leoclr_plugin.data.dali.views import View
from tests.configs import pipeline
from tests.data.dali.conftest import graph_place

N = 64


@pytest.mark.parametrize("size", [(24, 40), (3, 5), (1, 2)])
@pytest.mark.parametrize(
    "probs",
    [{"color_jitter": 0.8, "grayscale": 0.2}, {"gaussian_blur": 0.9}],
    ids=["color", "blur"],
)
def test_opencv_and_dali_change_images_alike(tmp_path, monkeypatch, probs, size):
    rng = np.random.default_rng(0)
    files = []
    for number in range(N):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
        files.append(np.frombuffer(str(path).encode(), np.uint8))
    node = OmegaConf.create(pipeline([*size], crop=False, **probs))
    view = View(node, size, ((0.0,) * 3, (1 / 255,) * 3))
    batch = [np.arange(N), files, *draw(node, rng, N).values()]

    def views() -> np.ndarray:
        built = graph.build_graph(lambda: batch, [view], batch_size=N, threads=2, **graph_place())
        return np.stack([np.asarray(image) for image in built.run()[1].as_cpu()])

    by_opencv = views()
    monkeypatch.setattr(graph, "operators_on", lambda device, threads: DALI)
    # Both round once; their constants of the chroma differ in the fourth digit.
    assert np.abs(by_opencv - views()).max() <= 1
