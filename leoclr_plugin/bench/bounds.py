"""Upper bounds for a loader: decoding alone, and decoding and resizing alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle, islice
from types import SimpleNamespace
from typing import Any

from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.data.image_loader import use_one_core
from leoclr_plugin.data.resize import resize_images
from leoclr_plugin.data.views import View

_BATCHES_AHEAD = 2
_NOT_RANDOM = SimpleNamespace(rrc=SimpleNamespace(enabled=False))


def decode_and_resize(
    paths: list[str], views: int, size: int, batch_size: int, workers: int, device: str
) -> Iterator[Any]:
    """Yield batches that are only decoded, and resized ``views`` times, without end.

    On a CPU torchvision decodes and torch resizes, on a GPU DALI does both: the fastest that this
    project knows of on each.
    """
    resizes = [_whole(size - i, size) for i in range(views)]
    if device == "gpu":
        return _by_dali(paths, resizes, batch_size, workers)
    return _by_threads(paths, resizes, batch_size, workers)


def _whole(height: int, width: int) -> View:
    # DALI merges equal operators into one, so each of them resizes to a different height.
    return View(_NOT_RANDOM, (height, width), ((0.0,) * 3, (1.0,) * 3))


def _by_threads(
    paths: list[str], resizes: list[View], batch_size: int, workers: int
) -> Iterator[Any]:
    files = cycle(paths)
    under_way: deque[list[Future]] = deque()

    def work(path: str) -> list[Any]:
        image = decode_rgb(path)
        return [resize_images([image], view, {}) for view in resizes] or [image]

    with ThreadPoolExecutor(workers, initializer=use_one_core) as pool:
        while True:
            while len(under_way) <= _BATCHES_AHEAD:
                under_way.append([pool.submit(work, path) for path in islice(files, batch_size)])
            yield [job.result() for job in under_way.popleft()]


def _by_dali(paths: list[str], resizes: list[View], batch_size: int, workers: int) -> Iterator[Any]:
    from nvidia.dali import Pipeline, fn, types

    from leoclr_plugin.data.dali.files import encode_paths
    from leoclr_plugin.data.dali.graph import decode, resize

    files = cycle(paths)
    pipeline = Pipeline(batch_size, workers, 0)
    with pipeline:
        path = fn.external_source(
            lambda: encode_paths(list(islice(files, batch_size))), dtype=types.UINT8, ndim=1
        )
        images = decode(fn.io.file.read(path), "gpu")
        pipeline.set_outputs(*([resize(images, view, None) for view in resizes] or [images]))
    pipeline.build()
    return endless_runs(pipeline.run)


def endless_runs(run: Callable[[], Any]) -> Iterator[Any]:
    """Yield what ``run`` returns, without end."""
    while True:
        yield run()
