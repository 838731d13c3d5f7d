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
from leoclr_plugin.data.draws import Drawn
from leoclr_plugin.data.images import unreadable
from leoclr_plugin.data.shown import Shown
from leoclr_plugin.data.size import too_large

_CMYK = 4  # channels; images with opacity may have as many
# The paths of n files as ``encode_paths`` returns them, or the content of each.
Content = np.ndarray | Sequence[np.ndarray]


class Named(NamedTuple):
    """A batch as a source names it.

    Attributes:
        shown: the images that it shows.
        contents: where the images of each row of ``shown.images`` are.
        drawn: the draws of each view.
    """

    shown: Shown
    contents: Sequence[Content]
    drawn: Sequence[Drawn]


def encode_paths(paths: Sequence[str]) -> np.ndarray:
    """Encode paths as ``[n, length of the longest]`` uint8, which ``fn.io.file.read`` takes.

    A shorter path ends at its first zero, as paths do in C. One array for all paths is handed
    over in a tenth of the time that one array for each path takes.
    """
    encoded = np.array([os.fsencode(path) for path in paths])
    return encoded.view(np.uint8).reshape(len(paths), -1)


class Files:
    """Batches of encoded files; a source gives their paths or their content."""

    def __init__(
        self,
        source: Callable[[], Named],
        rows: int,
        batch_size: int,
        threads: int,
        prefetch: int,
        name: Callable[[int], str],
        paths: bool,
    ) -> None:
        """Define the graph that reads.

        Args:
            source: returns a batch; it raises StopIteration at the end of an epoch.
            rows: the number of images that a sample shows, more than 1 with pairs.
            batch_size: the largest n.
            threads: the number of CPU threads.
            prefetch: the number of batches to keep ready.
            name: returns the name of an image.
            paths: whether the source gives the files' paths.
        """
        self._name = name
        # The batches that DALI is reading. The function below must not
        # refer to self: DALI holds it where Python's garbage collector cannot see it, so self
        # would never be freed.
        self._under_way = under_way = deque()

        def contents() -> Sequence[Content]:
            under_way.append(source())
            return under_way[-1].contents

        self._pipeline = _read(
            contents,
            rows,
            paths,
            batch_size=batch_size,
            num_threads=threads,
            device_id=None,
            prefetch_queue_depth=prefetch,
            exec_dynamic=True,
        )

    def __call__(self) -> tuple[Named, list[Any], list[np.ndarray]]:
        """Return the next batch, and of each of its images the files and the sizes ``[n, 2]``.

        Raises:
            StopIteration: when ``source`` raises it.
            RuntimeError: if a file cannot be read or is not an image.
            UnreadableImage: if DALI would decode a file to wrong levels, or it is too large.
        """
        outputs = self._pipeline.run()
        batch: Named = self._under_way.popleft()
        encoded, starts, shapes = (outputs[kind::3] for kind in range(3))
        sizes = [
            self._checked(*one)
            for one in zip(batch.shown.images, encoded, starts, shapes, strict=True)
        ]
        return batch, list(encoded), sizes

    def _checked(self, indexes: np.ndarray, encoded: Any, starts: Any, shapes: Any) -> np.ndarray:
        shape = np.asarray(shapes.as_tensor())
        doubtful = np.isin(np.asarray(starts.as_tensor()) @ (256, 1), STARTS)
        doubtful |= shape[:, 2] == _CMYK
        for place, (height, width) in enumerate(shape[:, :2].tolist()):
            reason = too_large(height, width)
            if reason is None and doubtful[place]:
                reason = misread(np.asarray(encoded[place]).tobytes())
            if reason is not None:
                raise unreadable(self._name(indexes[place]), reason)
        return shape[:, :2]

    def reset(self) -> None:
        """Get ready for the next epoch, after StopIteration ended one."""
        self._under_way.clear()
        self._pipeline.reset()


@pipeline_def
def _read(source: Callable[[], Sequence[Content]], rows: int, paths: bool) -> tuple[DataNode, ...]:
    outputs = []
    for given in fn.external_source(source, num_outputs=rows, dtype=types.UINT8, ndim=1):
        encoded = fn.io.file.read(given) if paths else given
        starts = fn.slice(encoded, 0, 2, axes=[0], out_of_bounds_policy="pad")
        # Without this type the number of channels would be that of RGB.
        sizes = fn.peek_image_shape(encoded, adjust_orientation=False, image_type=types.ANY_DATA)
        outputs += [encoded, starts, sizes]
    return tuple(outputs)
