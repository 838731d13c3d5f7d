"""The default loader: threads of this process read, decode and augment the images."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.utils.data import Dataset

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.draws import Drawn, draw_views
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.images import UnreadableImage, naming_unreadable_images
from leoclr_plugin.data.make import make_views, resize_views
from leoclr_plugin.data.pairs.build import Pairing
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.data.shown import Shown, images_shown
from leoclr_plugin.data.sources import Source
from leoclr_plugin.data.transfer import to_device
from leoclr_plugin.data.views import View
from leoclr_plugin.system.batch_memory import BatchMemory

Batch = list[Any]
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


class ImageLoader:
    """Batches of finished views. Threads share the files, the images and the memory.

    The images of a batch are made in parallel, and those of the next batches as soon as a thread
    is free. When an epoch of training ends, the first batches of the next one are already under
    way.

    Attributes:
        dataset: the data set that the samples belong to.
        batch_sampler: holds the sampler in the place where Lightning looks for it.
    """

    def __init__(
        self,
        dataset: Dataset,
        source: Source,
        views: Sequence[View],
        sampler: ShardSampler,
        collate: Callable[..., Batch],
        threads: int,
        finish_on: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        pairing: Pairing | None = None,
        bad: BadImages | None = None,
    ) -> None:
        """Keep the settings; the threads start at the first iteration.

        Args:
            dataset: the data set that the samples belong to.
            source: gives the images and targets.
            views: the views of each image, in the order of the batch.
            sampler: gives the batches of an epoch. Its seed and the epoch determine, with the
                sample's index, all random draws.
            collate: makes a batch of indexes ``[n]``, views ``[n, C, H, W]``, targets, and the
                weights of ``Shown`` if there are any.
            threads: the number of threads, at least 1.
            finish_on: a device on which torch does what follows the resize, for a whole batch; None
                lets the threads do it.
            dtype: dtype of the views that are finished there; the threads make float32.
            pairing: the partners that some views show; None without pairs.
            bad: the images that are left out; None raises an error for the first.
        """
        self.dataset = dataset
        self.batch_sampler = SimpleNamespace(sampler=sampler)
        self._source, self._views, self._sampler, self._collate = source, views, sampler, collate
        self._threads, self._finish_on, self._dtype = threads, finish_on, dtype
        self._pairing, self._bad = pairing, bad
        self._memory = BatchMemory(pinned=torch.cuda.is_available())
        self._pool: ThreadPoolExecutor | None = None
        self._next: Iterator[tuple[int, int, np.ndarray]] = iter(())
        self._under_way: deque[_UnderWay] = deque()

    def __len__(self) -> int:
        return self._sampler.batches

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one epoch; each has its own tensors.

        Nothing is read before the first batch is asked for: Lightning creates the first iterator of
        a training before it sets the sampler's epoch.

        Raises:
            UserError: for an unreadable image; it names the first and counts the others.
        """
        with naming_unreadable_images(self.dataset, self._source.levels):
            yield from self._epoch_of_batches()

    def _epoch_of_batches(self) -> Iterator[Batch]:
        epoch, first = self._sampler.epoch, self._sampler.skipped
        self._sampler.skipped = 0
        if not self._under_way or self._under_way[0].place != (epoch, first):
            # What is under way is of no use if the last epoch was left early, or if this epoch is
            # another than expected.
            self._drop()
            self._next = self._sampler.batches_from(epoch, first)
            self._start()
        for _ in range(first, len(self)):
            batch = self._under_way.popleft()
            self._start()
            try:
                shown = [job.result() for job in batch.jobs]
            except BaseException:
                self._drop()
                raise
            yield self._finished(batch, shown)

    def _start(self) -> None:
        """Start batches until enough of them are under way, or none is left."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "images", use_one_core)
        while len(self._under_way) <= _AHEAD:
            following = next(self._next, None)
            if following is None:
                return
            epoch, number, indexes = following
            drawn = draw_views(self._views, self._sampler.seed, epoch, indexes)
            images = [
                self._memory.empty(
                    (len(indexes), *view.size, view.channels),
                    torch.float32 if self._finish_on is None else self._source.dtype,
                )
                for view in self._views
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
        make = make_views if self._finish_on is None else resize_views
        drawn = [{name: values[part] for name, values in view.items()} for view in drawn]
        out = [view[part] for view in out]
        shown, images = self._decoded(epoch, indexes[part])
        rows = [[images[index] for index in row.tolist()] for row in shown.images]
        if self._pairing is None:
            make(rows[0], self._views, drawn, out)
            return shown
        for row, *view in zip(self._pairing.shows, self._views, drawn, out, strict=True):
            make(rows[row], *([one] for one in view))
        return shown

    def _decoded(self, epoch: int, indexes: np.ndarray) -> tuple[Shown, dict[int, np.ndarray]]:
        """Decode the images of some samples, each once, whichever views show it."""
        images: dict[int, np.ndarray] = {}
        while True:
            shown = images_shown(indexes, self._sampler.seed, epoch, self._pairing, self._bad)
            try:
                for index in np.concatenate(shown.images).tolist():
                    if index not in images:
                        images[index] = self._source.image(index)
            except UnreadableImage as error:
                if self._bad is None:
                    raise
                self._bad.add(index, error.reason)
            else:
                return shown, images

    def _finished(self, batch: _UnderWay, shown: Sequence[Shown]) -> Batch:
        indexes = torch.from_numpy(np.concatenate([part.samples for part in shown]))
        rest = [self._source.targets[indexes]]
        if shown[0].weights is not None:
            rest.append(torch.from_numpy(np.concatenate([part.weights for part in shown])))
        if self._finish_on is None:
            views = [view.permute(0, 3, 1, 2) for view in batch.images]
            return self._collate(indexes, views, *rest)
        device = self._finish_on
        resized = [view.to(device, non_blocking=True) for view in batch.images]
        # Half precision resolves the levels of 8 bits and not those of more.
        precision = None if self._source.levels is None else torch.float32
        views = finish_views(resized, self._views, batch.drawn, self._dtype, precision)
        indexes, *rest = (to_device(one, device) for one in (indexes, *rest))
        return self._collate(indexes, views, *rest)

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
