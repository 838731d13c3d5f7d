"""Read one file after another as the loader of DALI does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nvidia.dali import Pipeline, fn, types

from leoclr_plugin.data.dali.depths import misread
from leoclr_plugin.data.dali.graph import decode


class DaliReader:
    """A graph that decodes a single file."""

    def __init__(self) -> None:
        self._pipeline: Pipeline | None = None

    def read(self, path: Path) -> np.ndarray | None:
        """Return an image ``[H, W, 3]``; None if the loader refuses it."""
        encoded = np.fromfile(path, np.uint8)
        if misread(encoded.tobytes()) is not None:
            return None
        if self._pipeline is None:
            self._pipeline = Pipeline(
                1, 1, None, prefetch_queue_depth=1, exec_async=False, exec_pipelined=False
            )
            with self._pipeline:
                given = fn.external_source(name="encoded", dtype=types.UINT8, ndim=1)
                self._pipeline.set_outputs(decode(given, "cpu"))
            self._pipeline.build()
        try:
            self._pipeline.feed_input("encoded", [encoded])
            return np.array(self._pipeline.run()[0].as_cpu().at(0))
        except RuntimeError:
            # A pipeline cannot be used after an error.
            self._pipeline = None
            return None
