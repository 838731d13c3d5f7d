"""A loader over the graph, with the batches of the torchvision path."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from leoclr_plugin.data.dali.draws import draw
from leoclr_plugin.data.dali.files import Named, encode_paths
from leoclr_plugin.data.dali.graph import Graph, undecodable
from leoclr_plugin.data.dali.transfer import to_device
from leoclr_plugin.data.dali.views import View
from leoclr_plugin.data.images import (
    UnreadableImage,
    naming_unreadable_images,
    unreadable,
)
from leoclr_plugin.data.sampler import ShardSampler, rank_and_world
from leoclr_plugin.memory import shortage

Batch = list[Any]


class DaliLoader:
    """Batches of finished views: each image read and decoded once, augmented by DALI.

    The graph is built at the first iteration, when the process knows its rank and its GPU. At the
    end of a training's epoch the first batches of the next are already under way: were the graph
    to run empty, each epoch would begin with the wait for a batch from nothing.

    Attributes:
        dataset: the data set that the samples are of.
        batch_sampler: has the sampler where a torch loader of ours has it, and Lightning finds it.
    """

    def __init__(
        self,
        dataset: Any,
        samples: Sequence[tuple[str, int]],
        views: Sequence[View],
        sampler: ShardSampler,
        collate: Callable[[torch.Tensor, list[torch.Tensor], torch.Tensor], Batch],
        prefetch: int = 2,
        images: Sequence[np.ndarray] | None = None,
        **graph: Any,
    ) -> None:
        """Keep the settings.

        Args:
            dataset: the data set that the samples are of.
            samples: pairs (path, target); a sample's index is its place here.
            views: of each image, in the order of the batch.
            sampler: the batches of an epoch; its seed gives all draws too, with epoch and rank.
            collate: makes a batch of indexes ``[n]``, views ``[n, 3, H, W]`` and targets ``[n]``.
            prefetch: batches to keep ready.
            images: of the samples, decoded (``decode_all``); None to read and decode the files.
            graph: ``threads``, ``device``, ``dtype`` and ``hw_decoder_load`` of ``Graph``.
        """
        self.dataset, self.samples, self.views = dataset, samples, views
        self.collate, self._sampler = collate, sampler
        self.batch_sampler = SimpleNamespace(sampler=sampler)
        self._prefetch, self._images, self._graph = prefetch, images, graph
        self._targets = torch.from_numpy(np.array([target for _, target in samples]))
        self._pipeline: Graph | None = None
        self._feed: Iterator[Named] = iter(())
        # The epoch and the batch in it that the graph is at, where it stopped between two epochs.
        self._ahead: tuple[int, int] | None = None
        # The batches that DALI may be at work on, to name a file that it fails on: those that are
        # being read, those that are being decoded, and the two that were decoded last.
        self._in_flight: deque[np.ndarray] = deque(maxlen=2 * prefetch + 2)

    def __len__(self) -> int:
        return self._sampler.batches

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one epoch, each with tensors of its own.

        Raises:
            UserError: naming a file that cannot be decoded.
        """
        with naming_unreadable_images(self.dataset):
            yield from self._epoch_of_batches()

    def _epoch_of_batches(self) -> Iterator[Batch]:
        epoch, first = self._sampler.epoch, self._sampler.skipped
        self._sampler.skipped = 0
        if self._ahead != (epoch, first):
            if self._pipeline is None:
                self._pipeline = self._build()
            else:
                self._discard_prefetched()
            self._feed = self._batches(epoch, first)
        self._ahead = None
        for number in range(first, len(self)):
            try:
                indexes, views = self._pipeline.run()
            except UnreadableImage:
                self._pipeline = None
                raise
            except RuntimeError as error:
                self._pipeline = None
                raise self._name_the_file(error) from error
            if self._sampler.training and number == len(self) - 1:
                self._ahead = (epoch + 1, 0)
            where, targets = views[0].device, self._targets[indexes]
            yield self.collate(to_device(indexes, where), views, to_device(targets, where))

    def _build(self) -> Graph:
        on_gpu = self._graph["device"] == "gpu"
        # Held weakly: the graph keeps its source where Python's collector does not look, and were
        # that to keep the loader, neither would ever be freed, nor their threads.
        loader = weakref.ref(self)
        return Graph(
            lambda: next(loader()._feed),
            self.views,
            batch_size=self._sampler.batch_size,
            device_id=torch.cuda.current_device() if on_gpu else None,
            prefetch=self._prefetch,
            decoded=self._images is not None,
            **self._graph,
        )

    def _discard_prefetched(self) -> None:
        # What was read ahead belongs to no other epoch, nor to one that was left early.
        self._feed = iter(())
        try:
            while True:
                self._pipeline.run()
        except StopIteration:
            self._pipeline.reset()

    def _batches(self, epoch: int, first: int) -> Iterator[Named]:
        # What the graph is fed: of a training, one epoch after another.
        yield from self._epoch(epoch, first)
        while self._sampler.training:
            epoch += 1
            yield from self._epoch(epoch, 0)

    def _epoch(self, epoch: int, first: int) -> Iterator[Named]:
        rank, _ = rank_and_world()
        for number, indexes in enumerate(self._sampler.batches_of(epoch, first), start=first):
            # Of this batch alone, so that an epoch can go on from any.
            rng = np.random.default_rng([self._sampler.seed, epoch, rank, number])
            self._in_flight.append(indexes)
            drawn = [draw(view.node, rng, len(indexes)) for view in self.views]
            yield indexes, self._given(indexes), drawn

    def _given(self, indexes: np.ndarray) -> Any:
        if self._images is None:
            return encode_paths([self._path(index) for index in indexes])
        return [self._images[index] for index in indexes]

    def _path(self, index: int) -> str:
        return str(self.samples[index][0])

    def _name_the_file(self, error: RuntimeError) -> Exception:
        if shortage(error):
            # Then any file would fail.
            return error
        paths = [self._path(index) for index in np.concatenate(self._in_flight)]
        bad = next(undecodable(paths, self._graph["device"]), None)
        return error if bad is None else unreadable(*bad)
