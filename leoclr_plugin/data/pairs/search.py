"""Find the images that are most similar to each image of a data set."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F

from leoclr_plugin.errors import UserError
from leoclr_plugin.metrics.neighbours import closest

EXACT, IVF = "exact", "ivf"
SEARCHES = (EXACT, IVF)
# The cosines [n, k] float32 of some images' neighbours, the nearest first, and their indexes [n, k]
# int64, which are -1 where the search found no more.
Found = tuple[np.ndarray, np.ndarray]
_BLOCK = 65536  # features that are added to the index at once
_POINTS_A_LIST = 39  # faiss warns if it has fewer to find a list's centre
_MAX_LISTS_FOR_TRAINING = 64  # features for each list's centre; more change little
_MIN_PROBES, _SHARE_OF_PROBES = 8, 1 / 16


class Search(Protocol):
    """Finds the neighbours of some of the images among all."""

    def __call__(self, first: int, stop: int, k: int) -> Found:
        """Return the ``k`` nearest of the images ``first`` to ``stop``; none is its own."""


class ExactSearch:
    """Compares each image with all others, in blocks, so memory does not grow with the data."""

    def __init__(self, features: torch.Tensor, device: torch.device) -> None:
        """Keep the features ``[N, F]``, and where they are compared."""
        self._features, self._device = features, device

    def __call__(self, first: int, stop: int, k: int) -> Found:
        """See ``Search``."""
        queries = self._features[first:stop].float().to(self._device)
        cosines, indexes = closest(queries, self._features, k + 1)
        return _without_self(cosines.cpu().numpy(), indexes.cpu().numpy(), first)


class IvfSearch:
    """Compares each image with those of the lists of faiss's index that are nearest to it.

    The index holds all features in memory, 4 bytes for each value.
    """

    def __init__(self, features: torch.Tensor) -> None:
        """Build the index of the features ``[N, F]``.

        Raises:
            UserError: if faiss is not installed.
        """
        require_faiss()
        import faiss

        count, width = features.shape
        self._features = features
        lists = max(1, min(round(4 * count**0.5), count // _POINTS_A_LIST))
        self._index: Any = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(width), width, lists, faiss.METRIC_INNER_PRODUCT
        )
        self._index.nprobe = min(lists, max(_MIN_PROBES, round(lists * _SHARE_OF_PROBES)))
        wanted = min(count, max(lists * _MAX_LISTS_FOR_TRAINING, _POINTS_A_LIST))
        chosen = np.sort(np.random.default_rng(0).choice(count, wanted, replace=False))
        self._index.train(_unit(features[torch.from_numpy(chosen)]))
        for start in range(0, count, _BLOCK):
            self._index.add(_unit(features[start : start + _BLOCK]))

    def __call__(self, first: int, stop: int, k: int) -> Found:
        """See ``Search``."""
        found = self._index.search(_unit(self._features[first:stop]), k + 1)
        return _without_self(*found, first)


def require_faiss() -> None:
    """Check that faiss is installed.

    Raises:
        UserError: if it is not.
    """
    if find_spec("faiss") is None:
        raise UserError(
            'the search by ivf needs faiss; run: pip install "leoclr-plugin[pairs]", or take '
            "--search exact"
        )


def _unit(features: torch.Tensor) -> np.ndarray:
    return F.normalize(features.float()).numpy()


def _without_self(cosines: np.ndarray, indexes: np.ndarray, first: int) -> Found:
    """Remove each image from its own row, or the last neighbour if the image is not there.

    It is not there if more than k images are equal to it.
    """
    own = indexes == np.arange(first, first + len(indexes))[:, None]
    own[~own.any(axis=1), -1] = True
    shape = (len(indexes), indexes.shape[1] - 1)
    kept = np.clip(cosines[~own], -1, 1).astype(np.float32)
    return kept.reshape(shape), indexes[~own].astype(np.int64).reshape(shape)
