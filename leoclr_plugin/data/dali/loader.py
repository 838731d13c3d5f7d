"""A loader that runs the DALI graph; its batches have the form of the torchvision loader's."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from leoclr_plugin.data.batches import Batch, Loader
from leoclr_plugin.data.dali.files import Content, Named, encode_paths
from leoclr_plugin.data.dali.graph import Graph, undecodable
from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.images import UnreadableImage, unreadable
from leoclr_plugin.data.shown import Shown
from leoclr_plugin.system.memory import shortage


@dataclass(eq=False, repr=False, kw_only=True)
class DaliLoader(Loader):
    """DALI reads and decodes each image once and augments it.

    The graph is built at the first iteration, when the process knows its rank and its GPU.

    Attributes:
        prefetch: the number of batches to keep ready.
        graph: the arguments ``threads``, ``device``, ``dtype`` and ``hw_decoder_load`` of
            ``Graph``.
    """

    prefetch: int = 2
    graph: dict[str, Any]

    def __post_init__(self) -> None:
        self._images = self.source.images
        self._pipeline: Graph | None = None
        self._feed: Iterator[Named] = iter(())
        # Between two epochs this is the epoch, and the batch in it, that the graph gives next.
        self._next_batch: tuple[int, int] | None = None
        # When DALI fails, the bad file is searched for in these batches. They are the batches that
        # are being read, those that are being decoded, and the two that were decoded last.
        self._in_flight: deque[np.ndarray] = deque(maxlen=2 * self.prefetch + 2)

    def _epoch(self, epoch: int, first: int) -> Iterator[Batch]:
        if self._next_batch != (epoch, first):
            if self._pipeline is None:
                self._pipeline = self._build()
            else:
                self._discard_prefetched()
            self._feed = self._batches(epoch, first)
        self._next_batch = None
        for number in range(first, len(self)):
            shown, views = self._run(epoch, number)
            if self.order.training and number == len(self) - 1:
                self._next_batch = (epoch + 1, 0)
            yield self._batch([shown], views)

    def _run(self, epoch: int, number: int) -> tuple[Shown, list[torch.Tensor]]:
        """Return what the graph gives; if bad images are left out, it starts again without them."""
        while True:
            try:
                return self._pipeline.run()
            except (UnreadableImage, RuntimeError) as error:
                self._pipeline = None
                if self.bad is None or not self._leave_out(error):
                    named = self._name_the_file(error)
                    raise named from (None if named is error else error)
            self._pipeline = self._build()
            self._feed = self._batches(epoch, number)

    def _build(self) -> Graph:
        on_gpu = self.graph["device"] == "gpu"
        # DALI holds the graph's source where Python's garbage collector cannot see it. If the
        # source referred to the loader, neither the loader nor the graph nor their threads would
        # ever be freed.
        loader = weakref.ref(self)
        return Graph(
            lambda: next(loader()._feed),
            self.views,
            batch_size=self.order.batch_size,
            device_id=torch.cuda.current_device() if on_gpu else None,
            prefetch=self.prefetch,
            name=self._images.name,
            paths=self._images.store.are_files,
            shows=self.pairing.shows if self.pairing else (),
            **self.graph,
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

    def _batches(self, epoch: int, first: int) -> Iterator[Named]:
        """Yield what the graph is fed; in a training the epochs follow without end."""
        for number, _, indexes in self.order.batches_from(epoch, first):
            drawn = draw_views(self.views, self.order.seed, number, indexes)
            shown = self._shown(number, indexes)
            self._in_flight.append(np.concatenate(shown.images))
            contents = [self._paths_or_content(rows) for rows in shown.images]
            yield Named(shown, contents, drawn)

    def _paths_or_content(self, indexes: np.ndarray) -> Content:
        if self._images.store.are_files:
            return encode_paths([self._images.name(index) for index in indexes])
        return [self._images.read(index) for index in indexes]

    def _leave_out(self, error: Exception) -> bool:
        """Leave out the bad images among those under way; return whether there are any."""
        known = len(self.bad)
        for index, reason in self._undecodable(error):
            self.bad.add(index, reason)
        return len(self.bad) > known

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
        return undecodable(self._images, indexes, self.graph["device"])
