"""Accuracies, losses and means of the linear classifiers, in the shapes that solo-learn logs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


@torch.no_grad()
def accuracy_at_k(
    outputs: torch.Tensor, targets: torch.Tensor, top_k: Sequence[int] = (1, 5)
) -> list[torch.Tensor]:
    """Return the percentage of images that show one of the k classes with the highest outputs.

    Args:
        outputs: ``[N, C]``.
        targets: the class of each image ``[N]``, or labels ``[N, C]`` with 1 for each class that
            the image shows.
        top_k: the values of k; a k above C counts as C.

    Returns:
        For each k a tensor of shape ``[1]``.
    """
    best = outputs.topk(min(max(top_k), outputs.shape[1]), dim=1).indices
    hits = targets.gather(1, best) == 1 if targets.dim() == 2 else best == targets[:, None]
    return [100.0 * hits[:, :k].any(dim=1).float().mean().unsqueeze(0) for k in top_k]


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the loss of a linear classifier over the known labels; 0 if there are none.

    Args:
        logits: ``[N, C]``.
        targets: classes ``[N]`` with -1 for unknown ones, for the mean cross entropy; or labels
            ``[N, C]`` with 1, 0, or -1 for unknown ones, for the mean binary cross entropy.
    """
    known = targets != -1
    if targets.dim() == 2:
        dtype = torch.promote_types(logits.dtype, torch.float32)
        losses = F.binary_cross_entropy_with_logits(
            logits.to(dtype), targets.clamp(min=0).to(dtype), reduction="none"
        )
        return (losses * known).sum() / known.sum().clamp(min=1)
    total = F.cross_entropy(logits, targets, ignore_index=-1, reduction="sum")
    return total / known.sum().clamp(min=1)


def weighted_mean(outputs: Sequence[dict], key: str) -> torch.Tensor:
    """Return the mean of ``key`` over validation batches, weighted by their ``batch_size``."""
    sizes = sum(out["batch_size"] for out in outputs)
    return sum(out["batch_size"] * out[key] for out in outputs).squeeze() / sizes
