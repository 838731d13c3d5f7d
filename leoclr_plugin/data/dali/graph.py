"""The graph: decode once, and a branch for each view; with what comes before and after it."""

from __future__ import annotations

import _thread
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np
import torch
from nvidia.dali import Pipeline, fn, pipeline_def, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.crop import crop_regions
from leoclr_plugin.data.dali.depths import misread
from leoclr_plugin.data.dali.draws import Drawn, draw
from leoclr_plugin.data.dali.files import Decoded, Files, Named, encode_paths
from leoclr_plugin.data.dali.finish import finish_views
from leoclr_plugin.data.dali.operators import Change, Operators, operators_on
from leoclr_plugin.data.dali.views import View

_TYPES = {
    "float32": types.FLOAT,
    "float16": types.FLOAT16,
    "int32": types.INT32,
    "bool": types.BOOL,
}
_CROP = ("area", "ratio", "place")


class Graph:
    """Batches of finished views, of images that a source names."""

    def __init__(
        self,
        source: Callable[[], Named],
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
            source: gives the sample indexes ``[n]`` int64, the paths as ``encode_paths`` does or
                the images as n arrays ``[H, W, 3]`` uint8, and each view's ``draw``; raises
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
        self._whole = whole = operators.changes is not None
        self._views, self._dtype = views, getattr(torch, dtype)
        files = Decoded(source) if decoded else Files(source, batch_size, threads, prefetch)
        self._files, self._begun = files, False
        # The batches that DALI is at work on: nothing of what it is given is copied. Not through
        # self: DALI keeps its source where Python's collector does not look.
        self._under_way = under_way = deque()

        def feed() -> list[Any]:
            index, given, sizes, drawn = files()
            fed = [_fed(view, sizes, whole).values() for view in drawn]
            under_way.append((index, drawn, [given, *chain.from_iterable(fed)]))
            return under_way[-1][-1]

        self._pipeline = _graph(
            feed,
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
        # DALI's end waits for the batches under way, and on a CPU these for threads of ours. Were
        # it one of them in which Python's collector finds this, they would wait for each other.
        weakref.finalize(self, _end_elsewhere, self._pipeline).atexit = False
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        self._unread: tuple[torch.cuda.Event, list[torch.Tensor]] | None = None
        # The next batch is asked for and finished in a thread of its own: a step of a training is
        # launched meanwhile, which on a fast GPU takes most of the step's time.
        to_gpu = (torch.cuda.set_device, (device_id,)) if device == "gpu" else ()
        self._thread = ThreadPoolExecutor(1, "dali", *to_gpu)
        self._next: Future | None = None

    def run(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The next batch.

        Returns:
            Sample indexes ``[n]`` on the CPU, and the views, ``[n, 3, H, W]`` in channels-last
            memory that is theirs for as long as they are held.

        Raises:
            StopIteration: where ``source`` did.
            RuntimeError: where DALI could not read or decode an image.
            UnreadableImage: where DALI would decode one to wrong levels.
        """
        awaited = self._next or self._thread.submit(self._batch)
        self._next = None
        index, views, finished = awaited.result()
        self._next = self._thread.submit(self._batch)
        if finished is not None:
            here = torch.cuda.current_stream()
            here.wait_event(finished)
            for view in views:
                view.record_stream(here)
        return torch.from_numpy(index), views

    def reset(self) -> None:
        """Go on after the end of an epoch, which ``run`` told by StopIteration."""
        self._files.reset()
        self._pipeline.reset()
        self._begun = False

    def _batch(self) -> tuple[np.ndarray, list[torch.Tensor], torch.cuda.Event | None]:
        if not self._begun:
            self._pipeline.schedule_run()
            self._begun = True
        outputs = self._pipeline.outputs()
        index, drawn, _ = self._under_way.popleft()
        # DALI has enough to do while this batch is finished, and used.
        self._pipeline.schedule_run()
        if self._device == "gpu" and self._stream is None:
            # What torch does to a batch is done beside the training's step, not after it.
            self._stream = torch.cuda.Stream()
        with torch.cuda.stream(self._stream):
            images = [torch.from_dlpack(output.as_tensor()) for output in outputs]
            if self._whole:
                # Channels-last memory already; this is torch's name for it.
                return index, [image.permute(0, 3, 1, 2) for image in images], None
            views = finish_views(images, self._views, drawn, self._dtype)
        return index, views, self._stream and self._read(images)

    def _read(self, images: list[torch.Tensor]) -> torch.cuda.Event:
        # DALI takes the memory of a batch that is let go at once, though the GPU be yet to read it.
        if self._unread is not None:
            self._unread[0].synchronize()
        read = self._stream.record_event()
        self._unread = read, images
        return read


def _end_elsewhere(pipeline: Pipeline) -> None:
    # Not by threading, whose locks may be those that the collector interrupted. Where Python itself
    # is ending, from 3.12 on, there is no new thread; the pipeline then ends here, or has ended.
    with suppress(RuntimeError):
        _thread.start_new_thread(pipeline.__del__, ())


def _fed(drawn: Drawn, sizes: np.ndarray, whole: bool) -> Drawn:
    # What the graph is given of a view's draw: where the crop is, and what it does of the rest.
    fed = {}
    if "area" in drawn:
        fed["start"], fed["end"] = crop_regions(sizes, *(drawn[name] for name in _CROP))
    if whole:
        fed |= {name: array for name, array in drawn.items() if name not in _CROP}
    return fed


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
    rng, sizes = np.random.default_rng(0), np.ones((1, 2))
    examples = [_fed(draw(view.node, rng, 1), sizes, whole) for view in views]
    arrays = [array for example in examples for array in example.values()]
    given, *drawn = fn.external_source(
        source,
        num_outputs=1 + len(arrays),
        no_copy=True,
        dtype=[types.UINT8, *(_TYPES[array.dtype.name] for array in arrays)],
        ndim=[3 if decoded else 1, *(array.ndim - 1 for array in arrays)],
        layout=["HWC" if decoded else "", *("" for _ in arrays)],
    )
    if decoded:
        images = given.gpu() if device == "gpu" else given
    else:
        images = decode(given, device, hw_decoder_load=hw_decoder_load)
    finished = []
    for i in range(len(views)):
        parameters = {name: drawn.pop(0) for name in examples[i]}
        region = (parameters["start"], parameters["end"]) if "start" in parameters else None
        resized = operators.resize(images, views[i], region)
        if whole:
            resized = _view(resized, views[i], parameters, operators.changes, dtype)
        finished.append(resized)
    return tuple(finished)


def undecodable(paths: Iterable[str], device: str) -> Iterator[tuple[str, str]]:
    """Decode files one by one on ``device``, ``"cpu"`` or ``"gpu"``.

    Yields:
        The path of each file that fails, and why.
    """
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
                encoded = fn.io.file.read(name)
                pipeline.set_outputs(encoded, decode(encoded, device))
            pipeline.build()
        try:
            pipeline.feed_input("path", encode_paths([path]))
            encoded, _ = pipeline.run()
        except RuntimeError:
            # A pipeline does not outlive an error.
            pipeline = None
            yield path, "DALI cannot decode it"
            continue
        reason = misread(np.asarray(encoded[0]).tobytes())
        if reason is not None:
            yield path, reason


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
