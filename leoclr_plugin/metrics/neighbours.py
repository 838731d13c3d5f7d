"""The nearest neighbours of images in a bank of features, with their weights."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

_CHUNK = 512  # images compared at once
_EPSILON = 1e-5  # added to a distance, so that the weight of an identical image is finite


def weighted_neighbours(
    features: torch.Tensor,
    bank: torch.Tensor,
    k: int,
    temperature: float,
    distance: str,
    dtype: torch.dtype = torch.float32,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the nearest neighbours of some images at a time, with the weights of their votes.

    Args:
        features: ``[N, F]``, those of the images.
        bank: ``[M, F]``, the features among which the neighbours are found.
        k: the number of neighbours; all of the bank if it has fewer.
        temperature: t in a neighbour's weight exp(cosine / t).
        distance: ``"cosine"``, or ``"euclidean"`` with the weight 1 / distance.
        dtype: the type of the weights. The weights of far neighbours are 0 in float32 if the
            temperature is low.

    Yields:
        The weights ``[n, k]``, each image's up to a factor, and the neighbours' indexes
        ``[n, k]`` in the bank. The first images come first.
    """
    k = min(k, len(bank))
    if distance == "cosine":
        bank, features = F.normalize(bank), F.normalize(features)
    for chunk in features.split(_CHUNK):
        if distance == "cosine":
            cosine, nearest = (chunk @ bank.T).topk(k, dim=1)
            # exp(cosine / t) can overflow. Subtracting the nearest neighbour's cosine avoids this
            # and scales all weights of an image alike.
            yield ((cosine - cosine[:, :1]).to(dtype) / temperature).exp(), nearest
        else:
            distances, nearest = torch.cdist(chunk, bank).topk(k, dim=1, largest=False)
            yield 1 / (distances.to(dtype) + _EPSILON), nearest
