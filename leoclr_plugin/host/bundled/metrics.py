"""Accuracies in percent and their means, in the shapes that the host's methods log."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


@torch.no_grad()
def accuracy_at_k(
    outputs: torch.Tensor, targets: torch.Tensor, top_k: Sequence[int] = (1, 5)
) -> list[torch.Tensor]:
    """Percent of rows of ``outputs`` ``[N, C]`` with ``targets`` ``[N]`` among the first k.

    A k above C counts as C. Each accuracy has shape ``[1]``.
    """
    best = outputs.topk(min(max(top_k), outputs.shape[1]), dim=1).indices
    hits = best == targets[:, None]
    return [100.0 * hits[:, :k].any(dim=1).float().mean().unsqueeze(0) for k in top_k]


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross entropy over the labelled rows (target not -1); 0 where there is none."""
    total = F.cross_entropy(logits, targets, ignore_index=-1, reduction="sum")
    return total / (targets != -1).sum().clamp(min=1)


def weighted_mean(outputs: Sequence[dict], key: str) -> torch.Tensor:
    """Mean of ``key`` over validation batches, each weighted by its ``batch_size``."""
    sizes = sum(out["batch_size"] for out in outputs)
    return sum(out["batch_size"] * out[key] for out in outputs).squeeze() / sizes
