"""The queue of negatives: first in, first out, for any batch size.

An empty place holds zeros. The queue is filled from its first place on, so the empty places come
last.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


@torch.no_grad()
def enqueue_(queue: torch.Tensor, pointer: torch.Tensor, keys: torch.Tensor) -> None:
    """Write ``keys`` over the oldest entries of ``queue``, in place, wrapping around its end.

    The pointer is advanced by tensor arithmetic on its own device, so that the program never
    waits for the GPU.

    Args:
        queue: L2-normalised keys, one per column, float32, shape ``[D, K]``; zeros where empty.
        pointer: position of the oldest entry, int64, shape ``[1]``, in [0, K).
        keys: new keys in the order of their arrival, shape ``[N, D]``, any N. They are
            normalised here, so that a half-precision key enters with unit length. If there are
            more than K keys, the last K remain, as if they had come one by one.
    """
    places = queue.shape[1]
    n_new = keys.shape[0]
    keys = keys[-places:]
    offsets = torch.arange(n_new - keys.shape[0], n_new, device=queue.device)
    positions = (pointer + offsets) % places
    queue.index_copy_(1, positions, F.normalize(keys.to(queue.dtype), dim=1).T)
    pointer.add_(n_new).remainder_(places)


def filled_places(queue: torch.Tensor) -> int:
    """Count the places of ``queue`` ``[D, K]`` that hold a key; this waits for its device."""
    return int(queue.any(dim=0).sum())
