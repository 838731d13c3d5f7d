"""A loader that runs the DALI graph; its batches have the form of the torchvision loader's."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from leoclr_plugin.data.bad_images import BadImages
from leoclr_plugin.data.dali.files import Named, encode_paths
from leoclr_plugin.data.dali.graph import Batch as NamedBatch
from leoclr_plugin.data.dali.graph import Graph, undecodable
from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.images import (
    UnreadableImage,
    naming_unreadable_images,
    unreadable,
)
from leoclr_plugin.data.pairs.build import Pairing
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.data.shown import Shown, images_shown
from leoclr_plugin.data.sources import Source
from leoclr_plugin.data.transfer import to_device
from leoclr_plugin.data.views import View
from leoclr_plugin.system.memory import shortage

Batch = list[Any]


class DaliLoader:
    """Batches of finished views: DALI reads and decodes each image once and augments it.

    The graph is built at the first iteration, when the process knows its rank and its GPU. When an
    epoch of training ends, the first batches of the next one are already under way. Otherwise each
    epoch would begin by waiting for its first batch.

    Attributes:
        dataset: the data set that the samples belong to.
        batch_sampler: holds the sampler in the place where Lightning looks for it, as in our torch
            loaders.
    """

    def __init__(
        self,
        dataset: Any,
        source: Source,
        views: Sequence[View],
        sampler: ShardSampler,
        collate: Callable[..., Batch],
        prefetch: int = 2,
        pairing: Pairing | None = None,
        bad: BadImages | None = None,
        **graph: Any,
    ) -> None:
        """Keep the settings.

        Args:
            dataset: the data set that the samples belong to.
            source: gives the encoded images and the targets.
            views: the views of each image, in the order of the batch.
            sampler: gives the batches of an epoch. Its seed and the epoch determine, with the
                sample's index, all random draws.
            collate: makes a batch of indexes ``[n]``, views ``[n, 3, H, W]``, targets ``[n]``, and
                the weights of ``Shown`` if there are any.
            prefetch: the number of batches to keep ready.
            pairing: the partners that some views show; None without pairs.
            bad: the images that are left out; None raises an error for the first.
            graph: the arguments ``threads``, ``device``, ``dtype`` and ``hw_decoder_load`` of
                ``Graph``.
        """
        self.dataset, self._source, self._views = dataset, source, views
        self._images = source.images
        self._collate, self._sampler = collate, sampler
        self.batch_sampler = SimpleNamespace(sampler=sampler)
        self._prefetch, self._graph, self._pairing = prefetch, graph, pairing
        self._bad = bad
        self._pipeline: Graph | None = None
        self._feed: Iterator[NamedBatch] = iter(())
        # Between two epochs this is the epoch, and the batch in it, that the graph gives next.
        self._next_batch: tuple[int, int] | None = None
        # When DALI fails, the bad file is searched for in these batches. They are the batches that
        # are being read, those that are being decoded, and the two that were decoded last.
        self._in_flight: deque[np.ndarray] = deque(maxlen=2 * prefetch + 2)

    def __len__(self) -> int:
        return self._sampler.batches

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one epoch; each has its own tensors.

        Raises:
            UserError: if a file cannot be decoded; it names the file.
        """
        with naming_unreadable_images(self.dataset):
            yield from self._epoch_of_batches()

    def _epoch_of_batches(self) -> Iterator[Batch]:
        epoch, first = self._sampler.epoch, self._sampler.skipped
        self._sampler.skipped = 0
        if self._next_batch != (epoch, first):
            if self._pipeline is None:
                self._pipeline = self._build()
            else:
                self._discard_prefetched()
            self._feed = self._batches(epoch, first)
        self._next_batch = None
        for number in range(first, len(self)):
            shown, views = self._run(epoch, number)
            if self._sampler.training and number == len(self) - 1:
                self._next_batch = (epoch + 1, 0)
            indexes = torch.from_numpy(shown.samples)
            rest = [self._source.targets[indexes]]
            if shown.weights is not None:
                rest.append(torch.from_numpy(shown.weights))
            indexes, *rest = (to_device(one, views[0].device) for one in (indexes, *rest))
            yield self._collate(indexes, views, *rest)

    def _run(self, epoch: int, number: int) -> tuple[Shown, list[torch.Tensor]]:
        """Return what the graph gives; if bad images are left out, it starts again without them."""
        while True:
            try:
                return self._pipeline.run()
            except (UnreadableImage, RuntimeError) as error:
                self._pipeline = None
                if self._bad is None or not self._leave_out(error):
                    named = self._name_the_file(error)
                    raise named from (None if named is error else error)
            self._pipeline = self._build()
            self._feed = self._batches(epoch, number)

    def _build(self) -> Graph:
        on_gpu = self._graph["device"] == "gpu"
        # DALI holds the graph's source where Python's garbage collector cannot see it. If the
        # source referred to the loader, neither the loader nor the graph nor their threads would
        # ever be freed.
        loader = weakref.ref(self)
        return Graph(
            lambda: next(loader()._feed),
            self._views,
            batch_size=self._sampler.batch_size,
            device_id=torch.cuda.current_device() if on_gpu else None,
            prefetch=self._prefetch,
            name=None if self._images.store.are_files else self._images.name,
            shows=self._pairing.shows if self._pairing else (),
            **self._graph,
        )

    def _discard_prefetched(self) -> None:
        # Batches that were read ahead are of no use if the next epoch is another than expected, or
        # if the last one was left early.
        self._feed = iter(())
        try:
            while True:
                self._pipeline.run()
        except StopIteration:
            self._pipeline.reset()

    def _batches(self, epoch: int, first: int) -> Iterator[NamedBatch]:
        """Yield what the graph is fed; in a training the epochs follow without end."""
        for number, _, indexes in self._sampler.batches_from(epoch, first):
            seed = self._sampler.seed
            drawn = draw_views(self._views, seed, number, indexes)
            shown = images_shown(indexes, seed, number, self._pairing, self._bad)
            self._in_flight.append(np.concatenate(shown.images))
            named = [Named(rows, self._paths_or_content(rows)) for rows in shown.images]
            yield NamedBatch(shown, named, drawn)

    def _paths_or_content(self, indexes: np.ndarray) -> np.ndarray | list[np.ndarray]:
        if self._images.store.are_files:
            return encode_paths([self._images.name(index) for index in indexes])
        return [self._images.read(index) for index in indexes]

    def _leave_out(self, error: Exception) -> bool:
        """Leave out the bad images among those under way; return whether there are any."""
        known = len(self._bad)
        for index, reason in self._undecodable(error):
            self._bad.add(index, reason)
        return len(self._bad) > known

    def _name_the_file(self, error: Exception) -> Exception:
        if isinstance(error, UnreadableImage):
            return error
        bad = next(self._undecodable(error), None)
        return error if bad is None else unreadable(self._images.name(bad[0]), bad[1])

    def _undecodable(self, error: Exception) -> Iterator[tuple[int, str]]:
        if shortage(error) or not self._in_flight:
            # Without memory any file would fail, so no file is to blame.
            return iter(())
        indexes = dict.fromkeys(np.concatenate(self._in_flight).tolist())
        return undecodable(self._images, indexes, self._graph["device"])
