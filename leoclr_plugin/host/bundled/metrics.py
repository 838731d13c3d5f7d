"""Accuracies in percent and their means, in the shapes that the host's methods log."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


@torch.no_grad()
def accuracy_at_k(
    outputs: torch.Tensor, targets: torch.Tensor, top_k: Sequence[int] = (1, 5)
) -> list[torch.Tensor]:
    """Percent of images that show one of the k classes with the highest outputs.

    Args:
        outputs: ``[N, C]``.
        targets: one class for each image, ``[N]``, or labels ``[N, C]`` of which those that the
            image shows are 1.
        top_k: a k above C counts as C.

    Returns:
        For each k a tensor of shape ``[1]``.
    """
    best = outputs.topk(min(max(top_k), outputs.shape[1]), dim=1).indices
    hits = targets.gather(1, best) == 1 if targets.dim() == 2 else best == targets[:, None]
    return [100.0 * hits[:, :k].any(dim=1).float().mean().unsqueeze(0) for k in top_k]


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Loss of a linear classifier, over the labels that are known; 0 where there is none.

    Args:
        logits: ``[N, C]``.
        targets: one class for each image, ``[N]``, -1 where it is not known: the loss is the mean
            cross entropy. Or labels ``[N, C]``, 1, 0, or -1 where that is not known: the loss is
            the mean binary cross entropy of the known ones.
    """
    known = targets != -1
    if targets.dim() == 2:
        exact = torch.promote_types(logits.dtype, torch.float32)
        every = F.binary_cross_entropy_with_logits(
            logits.to(exact), targets.clamp(min=0).to(exact), reduction="none"
        )
        return (every * known).sum() / known.sum().clamp(min=1)
    total = F.cross_entropy(logits, targets, ignore_index=-1, reduction="sum")
    return total / known.sum().clamp(min=1)


def weighted_mean(outputs: Sequence[dict], key: str) -> torch.Tensor:
    """Mean of ``key`` over validation batches, each weighted by its ``batch_size``."""
    sizes = sum(out["batch_size"] for out in outputs)
    return sum(out["batch_size"] * out[key] for out in outputs).squeeze() / sizes
