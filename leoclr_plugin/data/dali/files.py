"""Files and the sizes of their images, read ahead of the graph that decodes them.

A crop depends on the size of its image. If the graph itself read the sizes, it would have to call
Python for the crops in the middle of its work, image by image. Here the sizes of a whole batch are
known before the graph starts, and Python computes its crops at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.data_node import DataNode

from leoclr_plugin.data.dali.depths import STARTS, misread
from leoclr_plugin.data.images import unreadable
from leoclr_plugin.data.size import too_large

_STARTS = sorted(STARTS)
_CMYK = 4  # channels; images with opacity may have as many


class Named(NamedTuple):
    """The images of a batch: their indexes ``[n]``, and where they are.

    ``content`` has the paths of the files as ``encode_paths`` returns them, or the content of each.
    """

    indexes: np.ndarray
    content: np.ndarray | Sequence[np.ndarray]


def encode_paths(paths: Sequence[str]) -> np.ndarray:
    """Encode paths as ``[n, length of the longest]`` uint8, which ``fn.io.file.read`` takes.

    A shorter path ends at its first zero, as paths do in C. One array for all paths is handed
    over in a tenth of the time that one array for each path takes.
    """
    encoded = np.array([os.fsencode(path) for path in paths])
    return encoded.view(np.uint8).reshape(len(paths), -1)


def decode_path(encoded: np.ndarray) -> str:
    """One of the paths that ``encode_paths`` encoded."""
    return os.fsdecode(encoded.tobytes().rstrip(b"\0"))


class Files:
    """Batches of encoded files; a source gives their paths or their content."""

    def __init__(
        self,
        source: Callable[[], Named],
        batch_size: int,
        threads: int,
        prefetch: int,
        name: Callable[[int], str] | None = None,
    ) -> None:
        """Define the graph that reads.

        Args:
            source: returns the images of a batch; it raises StopIteration at the end of an epoch.
            batch_size: the largest number of files in a batch.
            threads: the number of CPU threads.
            prefetch: the number of batches to keep ready.
            name: returns the name of an image, if the source gives the files' content; None if it
                gives their paths.
        """
        self._name = name
        # The batches that DALI is reading. The function below must not
        # refer to self: DALI holds it where Python's garbage collector cannot see it, so self
        # would never be freed.
        self._under_way = under_way = deque()

        def batch() -> np.ndarray | Sequence[np.ndarray]:
            under_way.append(source())
            return under_way[-1].content

        self._pipeline = _read(
            batch,
            name is None,
            batch_size=batch_size,
            num_threads=threads,
            device_id=None,
            prefetch_queue_depth=prefetch,
            exec_dynamic=True,
        )

    def __call__(self) -> tuple[Any, np.ndarray]:
        """Return the next batch: the content of the files, and the images' sizes ``[n, 2]``.

        Raises:
            StopIteration: when ``source`` raises it.
            RuntimeError: if a file cannot be read or is not an image.
            UnreadableImage: if DALI would decode a file to wrong levels, or it is too large.
        """
        encoded, starts, shapes = self._pipeline.run()
        index, paths = self._under_way.popleft()
        sizes = np.asarray(shapes.as_tensor())
        doubtful = np.isin(np.asarray(starts.as_tensor()) @ (256, 1), _STARTS)
        doubtful |= sizes[:, 2] == _CMYK
        for place, (height, width) in enumerate(sizes[:, :2].tolist()):
            reason = too_large(height, width)
            if reason is None and doubtful[place]:
                reason = misread(np.asarray(encoded[place]).tobytes())
            if reason is not None:
                name = self._name(index[place]) if self._name else decode_path(paths[place])
                raise unreadable(name, reason)
        return encoded, sizes[:, :2]

    def reset(self) -> None:
        """Get ready for the next epoch, after StopIteration ended one."""
        self._under_way.clear()
        self._pipeline.reset()


@pipeline_def
def _read(
    source: Callable[[], np.ndarray | Sequence[np.ndarray]], paths: bool
) -> tuple[DataNode, DataNode, DataNode]:
    given = fn.external_source(source, dtype=types.UINT8, ndim=1)
    encoded = fn.io.file.read(given) if paths else given
    starts = fn.slice(encoded, 0, 2, axes=[0], out_of_bounds_policy="pad")
    # Without this type the number of channels would be that of RGB.
    sizes = fn.peek_image_shape(encoded, adjust_orientation=False, image_type=types.ANY_DATA)
    return encoded, starts, sizes
