"""The graph: read, decode once, and a branch for each view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from nvidia.dali import Pipeline, fn, math, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.draws import ASPECT_RATIOS, ATTEMPTS, draw
from leoclr_plugin.data.dali.views import View

# Rec. 601 luma, which PIL's grey images are made with.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Falls from attempt to attempt, so that the largest of those that fit is the first one.
_PRIORITY = np.array([2.0**-i for i in range(ATTEMPTS)], dtype=np.float32)
_TYPES = {"float32": types.FLOAT, "float16": types.FLOAT16, "int32": types.INT32}


def build_graph(
    source: Callable[[], Sequence[Any]],
    views: Sequence[View],
    batch_size: int,
    threads: int,
    device: str,
    device_id: int | None,
    dtype: str = "float32",
    prefetch: int = 2,
) -> Pipeline:
    """Build the graph that gives ``(index, view, ...)`` for each batch of ``source``.

    Args:
        source: gives the sample indexes ``[n]`` int64, the paths as n arrays of bytes, and the
            arrays of each view's ``draw``; raises StopIteration at the end of an epoch.
        views: of each image, in the order of the batch.
        batch_size: the largest n.
        threads: CPU threads.
        device: ``"cpu"``, or ``"gpu"`` to decode and draw on the GPU.
        device_id: number of the GPU, None without one.
        dtype: of the views, ``"float32"`` or ``"float16"``.
        prefetch: batches to keep ready.

    Returns:
        A built pipeline. Its views are ``[n, H, W, 3]``: channels-last memory, which is what
        ``permute(0, 3, 1, 2)`` makes a channels-last tensor of without a copy. Under its dynamic
        executor a batch's memory is the batch's own for as long as it is held.
    """
    examples = [draw(view.node, np.random.default_rng(0), 1) for view in views]
    arrays = [array for example in examples for array in example.values()]
    pipeline = Pipeline(
        batch_size, threads, device_id, prefetch_queue_depth=prefetch, exec_dynamic=True
    )
    with pipeline:
        index, path, *drawn = fn.external_source(
            source,
            num_outputs=2 + len(arrays),
            dtype=[types.INT64, types.UINT8, *(_TYPES[array.dtype.name] for array in arrays)],
            ndim=[0, 1, *(array.ndim - 1 for array in arrays)],
        )
        encoded = fn.io.file.read(path)
        images = decode(encoded, device)
        shape = fn.peek_image_shape(encoded, adjust_orientation=False, dtype=types.FLOAT)
        nodes = iter(drawn)
        by_view = [{name: next(nodes) for name in example} for example in examples]
        finished = [
            _view(images, shape, drawn, view, _TYPES[dtype])
            for view, drawn in zip(views, by_view, strict=True)
        ]
        pipeline.set_outputs(index, *finished)
    pipeline.build()
    return pipeline


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


def decode(encoded: DataNode, device: str) -> DataNode:
    """RGB images ``[H, W, 3]`` of encoded files, on ``device``, ``"cpu"`` or ``"gpu"``."""
    return fn.decoders.image(
        encoded,
        device="mixed" if device == "gpu" else "cpu",
        output_type=types.RGB,
        # PIL leaves an EXIF orientation alone, so the torchvision path does too.
        adjust_orientation=False,
    )


def _view(
    images: DataNode,
    shape: DataNode,
    drawn: dict[str, DataNode],
    view: View,
    dtype: types.DALIDataType,
) -> DataNode:
    region = _crop(shape, drawn) if view.node.rrc.enabled else {}
    shorter = view.resize_shorter
    images = fn.resize(
        images,
        interp_type=types.INTERP_CUBIC if view.bicubic else types.INTERP_LINEAR,
        **({"size": view.size} if shorter is None else {"resize_shorter": shorter}),
        **region,
    )
    images = _color(images, drawn)
    if "sigma" in drawn:
        # A window of 1 leaves an image as it is, so the batch need not be split and merged.
        images = fn.gaussian_blur(images, sigma=drawn["sigma"], window_size=drawn["window"])
    if "solarize" in drawn:
        images = _solarize(images, drawn["solarize"])
    mean, std = ([255.0 * value for value in values] for values in view.mean_and_std)
    return fn.crop_mirror_normalize(
        images,
        crop=view.size,
        mean=mean,
        std=std,
        mirror=drawn.get("mirror", 0),
        dtype=dtype,
        output_layout="HWC",
    )


def _crop(shape: DataNode, drawn: dict[str, DataNode]) -> dict[str, DataNode]:
    # torchvision's RandomResizedCrop: the first of the rectangles that fits into the image, else
    # the largest one at the centre whose ratio is allowed.
    height, width = shape[0], shape[1]
    area = drawn["area"] * (height * width)
    widths = math.floor(math.sqrt(area * drawn["ratio"]) + 0.5)
    heights = math.floor(math.sqrt(area / drawn["ratio"]) + 0.5)
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    priority = fits * types.Constant(_PRIORITY)
    best = fn.reductions.max(priority, axes=[0])
    found = fn.cast(best > 0, dtype=types.FLOAT)
    chosen = fits & (priority == best)

    def pick(sides: DataNode, fallback: DataNode) -> DataNode:
        return fn.reductions.sum(sides * chosen, axes=[0]) + (1 - found) * fallback

    low, high = ASPECT_RATIOS
    crop_width = pick(widths, math.min(width, math.floor(height * high + 0.5)))
    crop_height = pick(heights, math.min(height, math.floor(width / low + 0.5)))

    def start(side: DataNode, crop: DataNode, place: DataNode) -> DataNode:
        drawn_start = math.floor(place * (side - crop + 1))
        return found * drawn_start + (1 - found) * math.floor((side - crop) / 2)

    top = start(height, crop_height, drawn["place"][0])
    left = start(width, crop_width, drawn["place"][1])
    return {
        "roi_start": fn.stack(top, left),
        "roi_end": fn.stack(top + crop_height, left + crop_width),
    }


def _color(images: DataNode, drawn: dict[str, DataNode]) -> DataNode:
    tint = {name: drawn[name] for name in ("saturation", "hue") if name in drawn}
    light = {name: drawn[name] for name in ("brightness", "contrast") if name in drawn}
    if tint:
        # Rounding to 8 bits is most of this operator's time on a CPU; the next one does it.
        images = fn.hsv(images, dtype=types.FLOAT if light else types.UINT8, **tint)
    if "contrast" in light:
        # PIL's contrast is about the image's mean grey, not about the middle of the range.
        channels = fn.reductions.mean(images, axes=[0, 1])
        # An operator's parameters are read on the CPU; the images may be on the GPU.
        grey = fn.reductions.sum(channels.cpu() * types.Constant(_LUMA), axes=[0])
        light["contrast_center"] = grey
    if light:
        images = fn.brightness_contrast(images, dtype=types.UINT8, **light)
    return images


def _solarize(images: DataNode, solarized: DataNode) -> DataNode:
    # |mask - x| with mask 255 inverts, with mask 0 keeps.
    bright = fn.cast(images >= 128, dtype=types.INT16) * fn.cast(solarized, dtype=types.INT16)
    return fn.cast(math.abs(bright * 255 - images), dtype=types.UINT8)
