"""The graph, which decodes an image once and has a branch for each view, and what surrounds it."""

from __future__ import annotations

import _thread
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from nvidia.dali import Pipeline, fn, pipeline_def, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.crop import view_regions
from leoclr_plugin.data.dali.depths import misread
from leoclr_plugin.data.dali.files import Files, Named
from leoclr_plugin.data.draws import Drawn
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.images import Encoded, UnreadableImage
from leoclr_plugin.data.mix import assemble
from leoclr_plugin.data.shown import Shown
from leoclr_plugin.data.views import View


class Graph:
    """Batches of finished views; a source names their images."""

    def __init__(
        self,
        source: Callable[[], Named],
        views: Sequence[View],
        batch_size: int,
        threads: int,
        device: str,
        device_id: int | None,
        name: Callable[[int], str],
        paths: bool = True,
        dtype: torch.dtype = torch.float32,
        prefetch: int = 2,
        hw_decoder_load: float = 0.9,
        shows: Sequence[int] = (),
    ) -> None:
        """Define the graph; it is built at its first run.

        Args:
            source: returns a batch; it raises StopIteration at the end of an epoch.
            views: the views of each image, in the order of the batch.
            batch_size: the largest n.
            threads: the number of CPU threads.
            device: ``"cpu"`` or ``"gpu"``: where images are decoded and augmented.
            device_id: the number of the GPU, None without one.
            name: returns the name of an image.
            paths: whether the source gives the files' paths, or their content.
            dtype: the dtype of the views, float32 or float16.
            prefetch: the number of batches to keep ready.
            hw_decoder_load: the fraction of a batch that the GPU's hardware decoder gets, 0 to 1.
            shows: for each view the place in ``Shown.images`` of what it shows; empty without
                pairs.
        """
        self._views, self._dtype = views, dtype
        self._begun = False
        # The batches that DALI works on, with its input, which it does not copy. The function below
        # must not refer to self: DALI holds it where Python's garbage collector cannot see it, so
        # self would never be freed.
        self._under_way = under_way = deque()
        row_of_view = tuple(shows) or (0,) * len(views)
        rows = 1 + max(row_of_view)
        self._files = files = Files(source, rows, batch_size, threads, prefetch, name, paths)

        def feed() -> list[Any]:
            batch, given, sizes = files()
            own, *others = batch.shown.images
            given += [[np.array(one) for one in images != own] for images in others]
            for view_drawn, row in zip(batch.drawn, row_of_view, strict=True):
                for region in view_regions(sizes[row], view_drawn):
                    given += [np.ascontiguousarray(corner, np.float32) for corner in region]
            under_way.append((batch, given))
            return given

        self._pipeline = _graph(
            feed,
            views,
            row_of_view,
            device,
            hw_decoder_load,
            batch_size=batch_size,
            num_threads=threads,
            device_id=device_id,
            prefetch_queue_depth=prefetch,
            exec_dynamic=True,
            enable_conditionals=rows > 1,
        )
        # When a pipeline ends, DALI waits for the batches under way. If Python's garbage collector
        # ran in a thread of DALI and ended the pipeline there, the thread would wait for itself.
        weakref.finalize(self, _end_in_a_new_thread, self._pipeline).atexit = False
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        self._unread: tuple[torch.cuda.Event, list[torch.Tensor]] | None = None
        # A thread fetches and finishes the next batch while the main thread launches a training
        # step. On a fast GPU launching takes most of a step's time.
        use_gpu = (torch.cuda.set_device, (device_id,)) if device == "gpu" else ()
        self._thread = ThreadPoolExecutor(1, "dali", *use_gpu)
        self._next: Future | None = None

    def run(self) -> tuple[Shown, list[torch.Tensor]]:
        """Return the next batch.

        Returns:
            What the batch shows, and the views, each ``[n, 3, H, W]`` in channels-last memory.
            Nothing overwrites that memory while the views are held.

        Raises:
            StopIteration: when ``source`` raises it.
            RuntimeError: if DALI cannot read or decode an image.
            UnreadableImage: if DALI would decode an image to wrong levels.
        """
        batch = self._next or self._thread.submit(self._batch)
        self._next = None
        shown, views, finished = batch.result()
        self._next = self._thread.submit(self._batch)
        if finished is not None:
            training_stream = torch.cuda.current_stream()
            training_stream.wait_event(finished)
            for view in views:
                view.record_stream(training_stream)
        return shown, views

    def reset(self) -> None:
        """Get ready for the next epoch, after ``run`` ended one by StopIteration."""
        self._files.reset()
        self._pipeline.reset()
        self._begun = False

    def _batch(self) -> tuple[Shown, list[torch.Tensor], torch.cuda.Event | None]:
        if not self._begun:
            self._pipeline.schedule_run()
            self._begun = True
        outputs = self._pipeline.outputs()
        (shown, _, drawn), _ = self._under_way.popleft()
        # The next batch is started now, so that DALI is busy while this one is finished and used.
        self._pipeline.schedule_run()
        if self._device == "gpu" and self._stream is None:
            # On a stream of its own torch finishes a batch beside the training step, not after it.
            self._stream = torch.cuda.Stream()
        with torch.cuda.stream(self._stream):
            images = iter([torch.from_dlpack(output.as_tensor()) for output in outputs])
            images = [
                _joined(images, view, view_drawn)
                for view, view_drawn in zip(self._views, drawn, strict=True)
            ]
            views = finish_views(images, self._views, drawn, self._dtype)
        return shown, views, self._stream and self._hold_until_read(images)

    def _hold_until_read(self, images: list[torch.Tensor]) -> torch.cuda.Event:
        # DALI reuses the memory of a batch as soon as the batch is released, even if the GPU has
        # still to read it. So each batch is held until the next one, when the GPU has read it.
        if self._unread is not None:
            self._unread[0].synchronize()
        has_read = self._stream.record_event()
        self._unread = has_read, images
        return has_read


def _end_in_a_new_thread(pipeline: Pipeline) -> None:
    # The garbage collector may have interrupted the module threading while it held a lock, so the
    # thread is started without that module. While Python itself is ending it starts no thread
    # (from 3.12 on); the pipeline then ends in this thread, or has ended already.
    with suppress(RuntimeError):
        _thread.start_new_thread(pipeline.__del__, ())


def _joined(images: Iterator[torch.Tensor], view: View, drawn: Drawn) -> torch.Tensor:
    """Return a view's images ``[n, H, W, C]``; those of a mix are put together from its crops."""
    if view.mix is None:
        return next(images)
    crops = torch.stack([next(images) for _ in range(view.mix.crops)], dim=1)
    return torch.stack(
        [
            assemble(view.mix, one, {name: values[i] for name, values in drawn.items()})
            for i, one in enumerate(crops)
        ]
    )


@pipeline_def
def _graph(
    source: Callable[[], Sequence[Any]],
    views: Sequence[View],
    row_of_view: tuple[int, ...],
    device: str,
    hw_decoder_load: float,
) -> tuple[DataNode, ...]:
    others, corners = max(row_of_view), 2 * sum(view.regions for view in views)
    given = fn.external_source(
        source,
        num_outputs=1 + 2 * others + corners,
        no_copy=True,
        dtype=[
            *([types.UINT8] * (1 + others)),
            *([types.BOOL] * others),
            *([types.FLOAT] * corners),
        ],
        ndim=[*([1] * (1 + others)), *([0] * others), *([1] * corners)],
    )
    shown = [decode(given[0], device, hw_decoder_load=hw_decoder_load)]
    for row in range(1, 1 + others):
        encoded, differs = given[row], given[others + row]
        shown.append(_other(shown[0], encoded, differs, device, hw_decoder_load))
    corner = iter(given[1 + 2 * others :])
    resized = []
    for number, view in enumerate(views):
        images = shown[row_of_view[number]]
        regions = [(next(corner), next(corner)) for _ in range(view.regions)]
        resized += [resize(images, view.tile, region) for region in regions or [None]]
    return tuple(resized)


def _other(
    own: DataNode, encoded: DataNode, differs: DataNode, device: str, hw_decoder_load: float
) -> DataNode:
    """Decode the partner or negative of each image that has one; another image stands for it."""
    # DALI divides a batch at such a condition, so that no image is decoded twice.
    if differs:  # noqa: SIM108
        other = decode(encoded, device, hw_decoder_load=hw_decoder_load)
    else:
        other = own
    return other


def resize(images: DataNode, view: View, region: tuple[DataNode, DataNode] | None) -> DataNode:
    """Resize images ``[H, W, 3]``, or a region (top left, bottom right) of each, for a view.

    The result has the view's size. If the view gives the shorter side, the image is resized to
    that side and cropped at the centre.
    """
    shorter = view.resize_shorter
    resized = fn.resize(
        images,
        interp_type=types.INTERP_CUBIC if view.bicubic else types.INTERP_LINEAR,
        **({"size": view.size} if shorter is None else {"resize_shorter": shorter}),
        **({} if region is None else {"roi_start": region[0], "roi_end": region[1]}),
    )
    return resized if shorter is None else fn.crop(resized, crop=view.size)


def undecodable(images: Encoded, indexes: Iterable[int], device: str) -> Iterator[tuple[int, str]]:
    """Decode images one by one on ``device``, ``"cpu"`` or ``"gpu"``.

    Yields:
        The index of each image that fails, and why.
    """
    pipeline = None
    for index in indexes:
        try:
            encoded = images.read(index)
        except UnreadableImage as error:
            yield index, error.reason
            continue
        reason = misread(encoded.tobytes())
        if reason is not None:
            yield index, reason
            continue
        if pipeline is None:
            pipeline = _decoder(device, device_id=None if device == "cpu" else 0)
            pipeline.build()
        try:
            pipeline.feed_input("encoded", [encoded])
            pipeline.run()
        except RuntimeError:
            # A pipeline cannot be used after an error.
            pipeline = None
            yield index, "DALI cannot decode it"


# The pipeline reads nothing ahead, so a failure belongs to the image it was given.
@pipeline_def(
    batch_size=1, num_threads=1, prefetch_queue_depth=1, exec_async=False, exec_pipelined=False
)
def _decoder(device: str) -> DataNode:
    return decode(fn.external_source(name="encoded", dtype=types.UINT8, ndim=1), device)


def decode(encoded: DataNode, device: str, **gpu: float) -> DataNode:
    """Decode encoded files to RGB images ``[H, W, 3]`` on ``device``, ``"cpu"`` or ``"gpu"``.

    ``gpu`` holds arguments that only the GPU's decoder has.
    """
    # Most JPEGs store their colours at half the resolution. PIL interpolates them; without this
    # argument the GPU's decoder would repeat them.
    gpu["jpeg_fancy_upsampling"] = True
    return fn.decoders.image(
        encoded,
        device="mixed" if device == "gpu" else "cpu",
        output_type=types.RGB,
        # PIL does not apply an EXIF orientation, so neither does the torchvision path.
        adjust_orientation=False,
        **(gpu if device == "gpu" else {}),
    )
