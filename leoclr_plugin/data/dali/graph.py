"""The graph: read, decode once, and a branch for each view."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from nvidia.dali import Pipeline, fn, pipeline_def, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.crop import crop_regions
from leoclr_plugin.data.dali.draws import Drawn, draw
from leoclr_plugin.data.dali.finish import finish_views
from leoclr_plugin.data.dali.operators import Change, Operators, operators_on
from leoclr_plugin.data.dali.resize import Region
from leoclr_plugin.data.dali.views import View

_TYPES = {
    "float32": types.FLOAT,
    "float16": types.FLOAT16,
    "int32": types.INT32,
    "bool": types.BOOL,
}
_CROP = ("area", "ratio", "place")
# Indexes, paths or images, and the draws of each view.
Fed = tuple[np.ndarray, Sequence[np.ndarray], Sequence[Drawn]]


class Graph:
    """Batches of finished views, of what a source names."""

    def __init__(
        self,
        source: Callable[[], Fed],
        views: Sequence[View],
        batch_size: int,
        threads: int,
        device: str,
        device_id: int | None,
        dtype: str = "float32",
        prefetch: int = 2,
        hw_decoder_load: float = 0.9,
        decoded: bool = False,
    ) -> None:
        """Define the graph; it is built at its first run.

        Args:
            source: gives the sample indexes ``[n]`` int64, the paths as n arrays of bytes or the
                images as n arrays ``[H, W, 3]`` uint8, and each view's ``draw``; raises
                StopIteration at the end of an epoch.
            views: of each image, in the order of the batch.
            batch_size: the largest n.
            threads: CPU threads.
            device: ``"cpu"``, or ``"gpu"`` to decode and draw on the GPU.
            device_id: number of the GPU, None without one.
            dtype: of the views, ``"float32"`` or ``"float16"``.
            prefetch: batches to keep ready.
            hw_decoder_load: part of a batch that a GPU's hardware decoder is given, 0 to 1.
            decoded: ``source`` gives images, not paths.
        """
        operators = operators_on(device, threads)
        self._views, self._dtype = views, getattr(torch, dtype)
        # Of the batches under way, what is done to them after the graph; None where nothing is.
        drawn: deque[Sequence[Drawn]] | None = deque() if operators.changes is None else None
        self._drawn = drawn
        self._unread: deque[tuple[torch.cuda.Event, list[torch.Tensor]]] = deque()
        self._pipeline = _graph(
            # Without self: the graph keeps it where Python's collector does not look.
            lambda: _feed(source, drawn),
            views,
            device,
            _TYPES[dtype],
            operators,
            hw_decoder_load,
            decoded,
            batch_size=batch_size,
            num_threads=threads,
            device_id=device_id,
            prefetch_queue_depth=prefetch,
            exec_dynamic=True,
        )

    def run(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The next batch.

        Returns:
            Sample indexes ``[n]`` on the CPU, and the views, ``[n, 3, H, W]`` in channels-last
            memory that is theirs for as long as they are held.

        Raises:
            StopIteration: where ``source`` did.
            RuntimeError: where DALI could not decode an image.
        """
        index, *images = (torch.from_dlpack(part.as_tensor()) for part in self._pipeline.run())
        if self._drawn is None:
            # Channels-last memory already; this is its name for it.
            return index, [image.permute(0, 3, 1, 2) for image in images]
        views = finish_views(images, self._views, self._drawn.popleft(), self._dtype)
        self._keep_until_read(images)
        return index, views

    def reset(self) -> None:
        """Go on after the end of an epoch."""
        self._pipeline.reset()

    def _keep_until_read(self, images: list[torch.Tensor]) -> None:
        # DALI takes the memory of a batch that is let go at once, also where the GPU is yet to
        # read it. By the next batch it will have, or there is time to wait: a step is between.
        if not images[0].is_cuda:
            return
        while self._unread:
            self._unread.popleft()[0].synchronize()
        event = torch.cuda.Event()
        event.record()
        self._unread.append((event, images))


def _feed(source: Callable[[], Fed], later: deque[Sequence[Drawn]] | None) -> list[Any]:
    index, given, drawn = source()
    if later is not None:
        later.append(drawn)
    fed = [_fed(view, whole=later is None).values() for view in drawn]
    return [index, given, *chain.from_iterable(fed)]


def _fed(drawn: Drawn, whole: bool) -> Drawn:
    # What the graph is given of a view's draw: all of it, or of the crop alone; that in one array,
    # since DALI hands over each image's part of each array.
    crop = [drawn[name] for name in _CROP if name in drawn]
    rest = {name: array for name, array in drawn.items() if whole and name not in _CROP}
    return {"crop": np.concatenate(crop, axis=1), **rest} if crop else rest


# With conditionals an image that is not to be blurred or coloured is not touched.
@pipeline_def(enable_conditionals=True)
def _graph(
    source: Callable[[], Sequence[Any]],
    views: Sequence[View],
    device: str,
    dtype: types.DALIDataType,
    operators: Operators,
    hw_decoder_load: float,
    decoded: bool,
) -> tuple[DataNode, ...]:
    whole = operators.changes is not None
    examples = [_fed(draw(view.node, np.random.default_rng(0), 1), whole) for view in views]
    arrays = [array for example in examples for array in example.values()]
    index, given, *drawn = fn.external_source(
        source,
        num_outputs=2 + len(arrays),
        dtype=[types.INT64, types.UINT8, *(_TYPES[array.dtype.name] for array in arrays)],
        ndim=[0, 3 if decoded else 1, *(array.ndim - 1 for array in arrays)],
        layout=["", "HWC" if decoded else "", *("" for _ in arrays)],
    )
    if decoded:
        images, shape = given.gpu() if device == "gpu" else given, given.shape()
    else:
        encoded = fn.io.file.read(given)
        images = decode(encoded, device, hw_decoder_load=hw_decoder_load)
        shape = fn.peek_image_shape(encoded, adjust_orientation=False)
    parameters = [{name: drawn.pop(0) for name in example} for example in examples]
    regions = _regions(shape, [of["crop"] for of in parameters if "crop" in of])
    finished = []
    for i in range(len(views)):
        region = regions.pop(0) if "crop" in parameters[i] else None
        resized = operators.resize(images, views[i], region)
        if whole:
            resized = _view(resized, views[i], parameters[i], operators.changes, dtype)
        finished.append(resized)
    return index, *finished


def undecodable(paths: Iterable[str], device: str) -> Iterator[str]:
    """Decode files one by one on ``device``, ``"cpu"`` or ``"gpu"``, and yield those that fail."""
    pipeline = None
    for path in paths:
        if pipeline is None:
            # Nothing ahead of time: a failure is then that of this file.
            pipeline = Pipeline(
                1,
                1,
                None if device == "cpu" else 0,
                prefetch_queue_depth=1,
                exec_async=False,
                exec_pipelined=False,
            )
            with pipeline:
                name = fn.external_source(name="path", dtype=types.UINT8, ndim=1)
                pipeline.set_outputs(decode(fn.io.file.read(name), device))
            pipeline.build()
        try:
            pipeline.feed_input("path", [path_bytes(path)])
            pipeline.run()
        except RuntimeError:
            # A pipeline does not outlive an error.
            pipeline = None
            yield path


def path_bytes(path: str) -> np.ndarray:
    """A path as ``fn.io.file.read`` takes it."""
    return np.frombuffer(path.encode(), np.uint8)


def decode(encoded: DataNode, device: str, **gpu: float) -> DataNode:
    """RGB images ``[H, W, 3]`` of encoded files, on ``device``, ``"cpu"`` or ``"gpu"``.

    ``gpu`` are arguments that only the GPU's decoder has.
    """
    # A JPEG's colours are interpolated, as PIL does; the GPU's decoder repeats them otherwise.
    gpu["jpeg_fancy_upsampling"] = True
    return fn.decoders.image(
        encoded,
        device="mixed" if device == "gpu" else "cpu",
        output_type=types.RGB,
        # PIL leaves an EXIF orientation alone, so the torchvision path does too.
        adjust_orientation=False,
        **(gpu if device == "gpu" else {}),
    )


def _regions(shape: DataNode, crops: Sequence[DataNode]) -> list[Region]:
    if not crops:
        return []
    regions = fn.python_function(shape, *crops, function=crop_regions, batch_processing=True)
    return [(regions[i, 0], regions[i, 1]) for i in range(len(crops))]


def _view(
    images: DataNode,
    view: View,
    drawn: dict[str, DataNode],
    changes: Mapping[str, Change],
    dtype: types.DALIDataType,
) -> DataNode:
    for switch, change in changes.items():
        if switch in drawn:
            images = _where(drawn[switch], change, images, drawn)
    mean, std = [[255.0 * value for value in values] for values in view.mean_and_std]
    return fn.crop_mirror_normalize(
        images,
        crop=view.size,
        mean=mean,
        std=std,
        mirror=drawn.get("mirror", 0),
        dtype=dtype,
        output_layout="HWC",
    )


def _where(
    switch: DataNode,
    change: Change,
    images: DataNode,
    drawn: dict[str, DataNode],
) -> DataNode:
    if switch:
        images = change(images, drawn)
    return images
