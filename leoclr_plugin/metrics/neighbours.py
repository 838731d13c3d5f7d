"""The nearest neighbours of images in a bank of features, with the weights of their votes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

_VOTERS = 512  # images that are yielded at once
_QUERIES = 4096  # images that are compared with a block at once
_BLOCK = 16384  # features of the bank that are compared at once
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

    The bank is read in blocks, which get the type and the device of ``features``. So memory does
    not grow with it, and it may be a file mapped into memory.

    Args:
        features: ``[N, F]``, those of the images, in float32 or float64.
        bank: ``[M, F]``, the features among which the neighbours are found, of any type.
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
    for queries in features.split(_QUERIES):
        closeness, nearest = closest(queries, bank, k, distance)
        for values, indexes in zip(closeness.split(_VOTERS), nearest.split(_VOTERS), strict=True):
            if distance == "cosine":
                # exp(cosine / t) can overflow. Subtracting the nearest neighbour's cosine avoids
                # this and scales all weights of an image alike.
                yield ((values - values[:, :1]).to(dtype) / temperature).exp(), indexes
            else:
                yield 1 / (-values.to(dtype) + _EPSILON), indexes


def closest(
    queries: torch.Tensor, bank: torch.Tensor, k: int, distance: str = "cosine"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the nearest neighbours of a few images exactly, with memory that the bank does not grow.

    Args:
        queries: ``[n, F]``, the features of the images, in float32 or float64.
        bank: ``[M, F]``, see ``weighted_neighbours``.
        k: the number of neighbours, at most M.
        distance: ``"cosine"`` or ``"euclidean"``.

    Returns:
        The cosines, or the negative distances, ``[n, k]``, the nearest first; and the neighbours'
        indexes ``[n, k]`` in the bank.
    """
    if distance == "cosine":
        queries = F.normalize(queries)
    best = nearest = None
    for start in range(0, len(bank), _BLOCK):
        block = bank[start : start + _BLOCK].to(queries)
        if distance == "cosine":
            closeness = queries @ F.normalize(block).T
        else:
            closeness = -torch.cdist(queries, block)
        values, indexes = closeness.topk(min(k, len(block)), dim=1)
        indexes += start
        if best is not None:
            values, indexes = torch.cat([best, values], 1), torch.cat([nearest, indexes], 1)
            values, kept = values.topk(min(k, values.shape[1]), dim=1)
            indexes = indexes.gather(1, kept)
        best, nearest = values, indexes
    return best, nearest


def knn_accuracy(
    features: torch.Tensor,
    targets: torch.Tensor,
    bank: torch.Tensor,
    labels: torch.Tensor,
    k: int,
    temperature: float,
    distance: str,
) -> tuple[float, float]:
    """Let the neighbours of each image vote for its class.

    Args:
        features: ``[N, F]``, those of the images, in float32.
        targets: the classes ``[N]`` of the images.
        bank: ``[M, F]``, see ``weighted_neighbours``.
        labels: the classes ``[M]`` of the bank's images.
        k: see ``weighted_neighbours``, as are the other arguments.

    Returns:
        The top-1 and top-5 accuracy in percent.
    """
    targets, labels = targets.to(features.device), labels.to(features.device)
    classes = int(max(labels.max(), targets.max())) + 1
    top1 = top5 = seen = 0
    for weights, nearest in weighted_neighbours(features, bank, k, temperature, distance):
        images, voters = weights.shape
        votes = weights.new_zeros(images, classes)
        votes.scatter_add_(1, labels[nearest], weights)
        ranking = votes.argsort(dim=1, descending=True)
        hits = ranking == targets[seen : seen + images, None]
        top1 += int(hits[:, :1].sum())
        top5 += int(hits[:, : min(5, voters)].sum())
        seen += images
    return 100.0 * top1 / len(targets), 100.0 * top5 / len(targets)


@torch.no_grad()
def label_scores(
    features: torch.Tensor,
    bank: torch.Tensor,
    labels: torch.Tensor,
    k: int,
    temperature: float,
    distance: str,
) -> torch.Tensor:
    """Score each class for each image by the neighbours that show it.

    Args:
        features: ``[N, F]``, those of the images, in float32.
        bank: ``[M, F]``, see ``weighted_neighbours``.
        labels: ``[M, C]`` of the bank's images: 1, 0, or -1 if unknown.
        k: see ``weighted_neighbours``, as are the other arguments.

    Returns:
        Scores ``[N, C]`` in [0, 1]: the weight of the neighbours that show the class, divided by
        the weight of the neighbours with a known label for the class. The score is 0 if no
        neighbour has a known label.
    """
    labels = labels.to(features.device)
    scores = []
    # The nearest neighbours of an image may have unknown labels. Then the others have the whole
    # vote, and their weights must not be 0.
    for weights, nearest in weighted_neighbours(
        features, bank, k, temperature, distance, torch.float64
    ):
        votes = labels[nearest].float()
        known = weights[..., None] * (votes != -1)
        shares = (known * (votes == 1)).sum(dim=1) / known.sum(dim=1)
        scores.append(shares.nan_to_num(0).float())
    return torch.cat(scores)
