"""The graph: read, decode once, and a branch for each view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from nvidia.dali import Pipeline, fn, math, pipeline_def, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.crop import crop_regions
from leoclr_plugin.data.dali.draws import draw
from leoclr_plugin.data.dali.operators import Change, Operators, operators_on
from leoclr_plugin.data.dali.resize import Region
from leoclr_plugin.data.dali.views import View

_TYPES = {
    "float32": types.FLOAT,
    "float16": types.FLOAT16,
    "int32": types.INT32,
    "bool": types.BOOL,
}


def build_graph(
    source: Callable[[], Sequence[Any]],
    views: Sequence[View],
    batch_size: int,
    threads: int,
    device: str,
    device_id: int | None,
    dtype: str = "float32",
    prefetch: int = 2,
    hw_decoder_load: float = 0.9,
    decoded: bool = False,
) -> Pipeline:
    """Build the graph that gives ``(index, view, ...)`` for each batch of ``source``.

    Args:
        source: gives the sample indexes ``[n]`` int64, the paths as n arrays of bytes or the
            images as n arrays ``[H, W, 3]`` uint8, and the arrays of each view's ``draw``; raises
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

    Returns:
        A pipeline that is built at its first run. Its views are ``[n, H, W, 3]``: channels-last
        memory, which is what ``permute(0, 3, 1, 2)`` makes a channels-last tensor of without a
        copy. Under its dynamic executor a batch's memory is the batch's own for as long as it is
        held.
    """
    return _graph(
        source,
        views,
        device,
        _TYPES[dtype],
        operators_on(device, threads),
        hw_decoder_load,
        decoded,
        batch_size=batch_size,
        num_threads=threads,
        device_id=device_id,
        prefetch_queue_depth=prefetch,
        exec_dynamic=True,
    )


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
    examples = [draw(view.node, np.random.default_rng(0), 1) for view in views]
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
    finished = []
    for i in range(len(views)):
        parameters = {name: drawn.pop(0) for name in examples[i]}
        region = _crop(shape, parameters) if views[i].node.rrc.enabled else None
        resized = operators.resize(images, views[i], region)
        finished.append(_view(resized, views[i], parameters, operators, dtype))
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


def _view(
    images: DataNode,
    view: View,
    drawn: dict[str, DataNode],
    operators: Operators,
    dtype: types.DALIDataType,
) -> DataNode:
    changes = {"colored": operators.color, "blurred": operators.blur, "solarized": _solarize}
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


def _crop(shape: DataNode, drawn: dict[str, DataNode]) -> Region:
    return fn.python_function(
        shape,
        drawn["area"],
        drawn["ratio"],
        drawn["place"],
        function=crop_regions,
        num_outputs=2,
        batch_processing=True,
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


def _solarize(images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    # |255 - x| where x is bright, else |0 - x|.
    bright = fn.cast(images >= 128, dtype=types.INT16)
    return fn.cast(math.abs(bright * 255 - images), dtype=types.UINT8)
