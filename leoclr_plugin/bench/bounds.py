"""Upper bounds for a loader: decoding alone, and decoding and resizing alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle, islice
from types import SimpleNamespace
from typing import Any

from leoclr_plugin.data.image_loader import use_one_core
from leoclr_plugin.data.resize import resize_images
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.views import View

_BATCHES_AHEAD = 2
_NOT_RANDOM = SimpleNamespace(rrc=SimpleNamespace(enabled=False))


def decode_and_resize(
    images: Images, views: int, size: int, batch_size: int, workers: int, device: str
) -> Iterator[Any]:
    """Yield batches that are only decoded, and resized ``views`` times, without end.

    On a CPU torchvision decodes and torch resizes, on a GPU DALI does both: the fastest that this
    project knows of on each.
    """
    resizes = [_whole(size - i, size) for i in range(views)]
    if device == "gpu":
        return _by_dali(images, resizes, batch_size, workers)
    return _by_threads(images, resizes, batch_size, workers)


def _whole(height: int, width: int) -> View:
    # DALI merges equal operators into one, so each of them resizes to a different height.
    return View(_NOT_RANDOM, (height, width), ((0.0,) * 3, (1.0,) * 3))


def _by_threads(
    images: Images, resizes: list[View], batch_size: int, workers: int
) -> Iterator[Any]:
    indexes = cycle(range(len(images)))
    under_way: deque[list[Future]] = deque()

    def work(index: int) -> list[Any]:
        image = images.decode(index)
        return [resize_images([image], view, {}) for view in resizes] or [image]

    with ThreadPoolExecutor(workers, initializer=use_one_core) as pool:
        while True:
            while len(under_way) <= _BATCHES_AHEAD:
                under_way.append([pool.submit(work, i) for i in islice(indexes, batch_size)])
            yield [job.result() for job in under_way.popleft()]


def _by_dali(images: Images, resizes: list[View], batch_size: int, workers: int) -> Iterator[Any]:
    from nvidia.dali import Pipeline, fn, types

    from leoclr_plugin.data.dali.files import encode_paths
    from leoclr_plugin.data.dali.graph import decode, resize

    indexes, are_files = cycle(range(len(images))), images.store.are_files

    def batch() -> Any:
        some = islice(indexes, batch_size)
        if are_files:
            return encode_paths([images.name(index) for index in some])
        return [images.read(index) for index in some]

    pipeline = Pipeline(batch_size, workers, 0)
    with pipeline:
        given = fn.external_source(batch, dtype=types.UINT8, ndim=1)
        decoded = decode(fn.io.file.read(given) if are_files else given, "gpu")
        pipeline.set_outputs(*([resize(decoded, view, None) for view in resizes] or [decoded]))
    pipeline.build()
    return endless_runs(pipeline.run)


def endless_runs(run: Callable[[], Any]) -> Iterator[Any]:
    """Yield what ``run`` returns, without end."""
    while True:
        yield run()
