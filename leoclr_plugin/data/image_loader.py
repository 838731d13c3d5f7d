"""The default loader: threads of this process read, decode and augment the images."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from leoclr_plugin.data.batches import Batch, Loader
from leoclr_plugin.data.draws import Drawn, draw_views
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.images import UnreadableImage
from leoclr_plugin.data.make import make_views, resize_views
from leoclr_plugin.data.shown import Shown
from leoclr_plugin.system.batch_memory import BatchMemory

# A batch is made and the next ones are under way while a training step takes its time.
_AHEAD = 2
# A thread takes so many images at once. Their crops are computed together, and more images would
# take more memory.
_IMAGES_A_JOB = 8


@dataclass(frozen=True)
class _UnderWay:
    """A batch that threads are making."""

    place: tuple[int, int]
    drawn: Sequence[Drawn]
    images: Sequence[torch.Tensor]
    jobs: Sequence[Future]


@dataclass(eq=False, repr=False, kw_only=True)
class ImageLoader(Loader):
    """Threads make the images of a batch in parallel; they share the files and the memory.

    The images of the next batches are made as soon as a thread is free. The threads start at the
    first iteration.

    Attributes:
        threads: the number of threads, at least 1.
        finish_on: a device on which torch does what follows the resize, for a whole batch; None
            lets the threads do it.
        dtype: dtype of the views that are finished there; the threads make float32.
    """

    threads: int
    finish_on: torch.device | None = None
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        self._memory = BatchMemory(pinned=torch.cuda.is_available())
        self._pool: ThreadPoolExecutor | None = None
        self._next: Iterator[tuple[int, int, np.ndarray]] = iter(())
        self._under_way: deque[_UnderWay] = deque()

    def _epoch(self, epoch: int, first: int) -> Iterator[Batch]:
        if not self._under_way or self._under_way[0].place != (epoch, first):
            # What is under way is of no use if the last epoch was left early, or if this epoch is
            # another than expected.
            self._drop()
            self._next = self.order.batches_from(epoch, first)
            self._start()
        for _ in range(first, len(self)):
            batch = self._under_way.popleft()
            self._start()
            try:
                shown = [job.result() for job in batch.jobs]
            except BaseException:
                self._drop()
                raise
            yield self._batch(shown, self._finished(batch))

    def _start(self) -> None:
        """Start batches until enough of them are under way, or none is left."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, "images", use_one_core)
        while len(self._under_way) <= _AHEAD:
            following = next(self._next, None)
            if following is None:
                return
            epoch, number, indexes = following
            drawn = draw_views(self.views, self.order.seed, epoch, indexes)
            images = [
                self._memory.empty(
                    (len(indexes), *view.size, view.channels),
                    torch.float32 if self.finish_on is None else self.source.dtype,
                )
                for view in self.views
            ]
            parts = [
                slice(start, start + _IMAGES_A_JOB)
                for start in range(0, len(indexes), _IMAGES_A_JOB)
            ]
            jobs = [
                self._pool.submit(self._make, epoch, indexes, drawn, images, part) for part in parts
            ]
            self._under_way.append(_UnderWay((epoch, number), drawn, images, jobs))

    def _make(
        self,
        epoch: int,
        indexes: np.ndarray,
        drawn: Sequence[Drawn],
        out: Sequence[torch.Tensor],
        part: slice,
    ) -> Shown:
        """Make the views of a part of a batch; return what they show."""
        make = make_views if self.finish_on is None else resize_views
        drawn = [{name: values[part] for name, values in view.items()} for view in drawn]
        out = [view[part] for view in out]
        shown, images = self._decoded(epoch, indexes[part])
        if self.pairing is None:
            make(images[0], self.views, drawn, out)
            return shown
        for row, *view in zip(self.pairing.shows, self.views, drawn, out, strict=True):
            make(images[row], *([one] for one in view))
        return shown

    def _decoded(self, epoch: int, indexes: np.ndarray) -> tuple[Shown, list[list[np.ndarray]]]:
        """Decode the images of some samples, each once, whichever views show it."""
        images: dict[int, np.ndarray] = {}
        while True:
            shown = self._shown(epoch, indexes)
            rows = [row.tolist() for row in shown.images]
            try:
                for index in chain(*rows):
                    if index not in images:
                        images[index] = self.source.image(index)
            except UnreadableImage as error:
                if self.bad is None:
                    raise
                self.bad.add(index, error.reason)
            else:
                return shown, [[images[index] for index in row] for row in rows]

    def _finished(self, batch: _UnderWay) -> list[torch.Tensor]:
        if self.finish_on is None:
            return [view.permute(0, 3, 1, 2) for view in batch.images]
        resized = [view.to(self.finish_on, non_blocking=True) for view in batch.images]
        # Half precision resolves the levels of 8 bits and not those of more.
        precision = None if self.source.levels is None else torch.float32
        return finish_views(resized, self.views, batch.drawn, self.dtype, precision)

    def _drop(self) -> None:
        for batch in self._under_way:
            for job in batch.jobs:
                job.cancel()
        self._under_way.clear()
        self._next = iter(())


def use_one_core() -> None:
    """Let torch use one core in this thread; the other threads of the process keep all cores.

    The images of a batch keep all threads busy. If torch divided each image among the cores once
    more, the threads would wait for one another.
    """
    # In a new thread the first call of torch sets the number of cores. It is made here, because it
    # would undo the limit if it came later.
    torch.get_num_threads()
    threadpool_limits(1, user_api="openmp")
