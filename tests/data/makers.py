"""The ways in which a view is made, with one signature, for tests that hold all of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leoclr_plugin.data import opencv
from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.data.draws import Drawn
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.make import make_views, resize_views
from leoclr_plugin.data.views import View

Maker = Callable[[Sequence[Path], View, Drawn], np.ndarray]


def _in_threads(paths: Sequence[Path], view: View, drawn: Drawn) -> np.ndarray:
    """Make views as the default loader does with OpenCV."""
    out = torch.empty(len(paths), *view.size, 3)
    make_views([decode_rgb(path) for path in paths], [view], [drawn], [out])
    return out.numpy()


def _without_opencv(paths: Sequence[Path], view: View, drawn: Drawn) -> np.ndarray:
    original = opencv.has_opencv
    opencv.has_opencv = lambda: False
    try:
        return _in_threads(paths, view, drawn)
    finally:
        opencv.has_opencv = original


def _finished_on_gpu(paths: Sequence[Path], view: View, drawn: Drawn) -> np.ndarray:
    """Make views as data.augment_on=gpu does, with its half precision, on a GPU if there is one."""
    resized = torch.empty(len(paths), *view.size, 3, dtype=torch.uint8)
    resize_views([decode_rgb(path) for path in paths], [view], [drawn], [resized])
    resized = resized.to("cuda" if torch.cuda.is_available() else "cpu")
    (views,) = finish_views([resized], [view], [drawn], torch.float32, torch.float16)
    return views.permute(0, 2, 3, 1).cpu().numpy()


def _by_dali(device: str) -> Maker:
    def make(paths: Sequence[Path], view: View, drawn: Drawn) -> np.ndarray:
        from leoclr_plugin.data.dali.files import Named, encode_paths
        from leoclr_plugin.data.dali.graph import Graph
        from leoclr_plugin.data.shown import Shown

        indexes, files = np.arange(len(paths)), [str(path) for path in paths]
        named = Named(Shown(indexes, (indexes,)), [encode_paths(files)], [drawn])
        place: dict[str, Any] = {"device": device, "device_id": 0 if device == "gpu" else None}
        graph = Graph(lambda: named, [view], len(paths), 2, name=files.__getitem__, **place)
        shown, (images,) = graph.run()
        assert shown.samples.tolist() == list(range(len(paths)))
        return images.permute(0, 2, 3, 1).cpu().clone().numpy()

    return make


MAKERS: dict[str, Maker] = {
    "threads": _in_threads,
    "without-opencv": _without_opencv,
    "finished-on-gpu": _finished_on_gpu,
    "dali": _by_dali("cpu"),
}
if torch.cuda.is_available():
    MAKERS["dali-gpu"] = _by_dali("gpu")
