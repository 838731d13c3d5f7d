"""Files and the sizes of their images, read ahead of the graph that decodes them.

A crop depends on its image's size. Were the sizes read in the graph itself, Python would have to
be asked for the crops in the middle of it, image by image; here it is asked for a batch's at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.depths import STARTS, misread
from leoclr_plugin.data.dali.draws import Drawn
from leoclr_plugin.data.images import unreadable

_STARTS = sorted(STARTS)
# A batch's sample indexes [n], its images or the paths of their files, and the draws of each view.
Named = tuple[np.ndarray, Any, Sequence[Drawn]]
# The same, of paths the files; with the images' heights and widths [n, 2].
Sized = tuple[np.ndarray, Any, np.ndarray, Sequence[Drawn]]


def encode_paths(paths: Sequence[str]) -> np.ndarray:
    """Paths as ``fn.io.file.read`` takes them, ``[n, longest]`` uint8.

    A shorter one ends at its first zero, as paths do in C: one array for all of them is handed
    over in a tenth of the time of one for each.
    """
    encoded = np.array([os.fsencode(path) for path in paths])
    return encoded.view(np.uint8).reshape(len(paths), -1)


def decode_path(encoded: np.ndarray) -> str:
    """One of the paths that ``encode_paths`` encoded."""
    return os.fsdecode(encoded.tobytes().rstrip(b"\0"))


class Files:
    """Batches of encoded files, of whose paths a source tells."""

    def __init__(
        self, source: Callable[[], Named], batch_size: int, threads: int, prefetch: int
    ) -> None:
        """Define the graph that reads.

        Args:
            source: gives paths as ``encode_paths`` does; raises StopIteration at the end of an
                epoch.
            batch_size: the largest number of files in a batch.
            threads: CPU threads.
            prefetch: batches to keep ready.
        """
        # Of the batches under way. Not through self: DALI keeps its source where Python's
        # collector does not look.
        self._under_way = under_way = deque()

        def paths() -> np.ndarray:
            index, encoded, drawn = source()
            under_way.append((index, encoded, drawn))
            return encoded

        self._pipeline = _read(
            paths,
            batch_size=batch_size,
            num_threads=threads,
            device_id=None,
            prefetch_queue_depth=prefetch,
            exec_dynamic=True,
        )

    def __call__(self) -> Sized:
        """The next batch.

        Raises:
            StopIteration: where ``source`` did.
            RuntimeError: where a file cannot be read or is no image.
            UnreadableImage: where DALI would decode one to wrong levels.
        """
        encoded, starts, shapes = self._pipeline.run()
        index, paths, drawn = self._under_way.popleft()
        for place in np.flatnonzero(np.isin(np.asarray(starts.as_tensor()) @ (256, 1), _STARTS)):
            reason = misread(np.asarray(encoded[int(place)]).tobytes())
            if reason is not None:
                raise unreadable(decode_path(paths[place]), reason)
        return index, encoded, np.asarray(shapes.as_tensor())[:, :2], drawn

    def reset(self) -> None:
        """Go on after the end of an epoch."""
        self._pipeline.reset()


class Decoded:
    """Batches of decoded images, of which a source tells."""

    def __init__(self, source: Callable[[], Named]) -> None:
        """Keep the source, which gives images ``[H, W, 3]`` uint8."""
        self._source = source

    def __call__(self) -> Sized:
        """The next batch; StopIteration where ``source`` raises it."""
        index, images, drawn = self._source()
        return index, images, np.array([image.shape[:2] for image in images]), drawn

    def reset(self) -> None:
        """Go on after the end of an epoch."""


@pipeline_def
def _read(source: Callable[[], np.ndarray]) -> tuple[DataNode, DataNode, DataNode]:
    encoded = fn.io.file.read(fn.external_source(source, dtype=types.UINT8, ndim=1))
    starts = fn.slice(encoded, 0, 2, axes=[0], out_of_bounds_policy="pad")
    return encoded, starts, fn.peek_image_shape(encoded, adjust_orientation=False)
