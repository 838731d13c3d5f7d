"""The weighted k-nearest-neighbour classifier, offline and online."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torchmetrics import Metric

_CHUNK = 512  # test images compared at once


class WeightedKNNClassifier(Metric):
    """kNN on features, each neighbour's vote weighted by its similarity.

    Attributes:
        k: neighbours that vote.
        T: temperature of the weight ``exp(cosine / T)``.
        distance_fx: ``"cosine"``, or ``"euclidean"`` with the weight ``1 / distance``.
    """

    full_state_update = False

    def __init__(
        self, k: int = 20, T: float = 0.07, distance_fx: str = "cosine", epsilon: float = 1e-5
    ) -> None:
        super().__init__()
        if distance_fx not in ("cosine", "euclidean"):
            raise ValueError(f"distance_fx must be 'cosine' or 'euclidean', not {distance_fx!r}")
        self.k, self.T, self.distance_fx, self.epsilon = k, T, distance_fx, epsilon
        for split in ("train", "test"):
            self.add_state(f"{split}_features", default=[])
            self.add_state(f"{split}_targets", default=[])

    def update(
        self,
        train_features: torch.Tensor | None = None,
        train_targets: torch.Tensor | None = None,
        test_features: torch.Tensor | None = None,
        test_targets: torch.Tensor | None = None,
    ) -> None:
        """Add features ``[N, F]`` and targets ``[N]`` to the bank, to the test set, or both."""
        if train_features is not None:
            self.train_features.append(train_features.detach())
            self.train_targets.append(train_targets.detach())
        if test_features is not None:
            self.test_features.append(test_features.detach())
            self.test_targets.append(test_targets.detach())

    @torch.no_grad()
    def compute(self) -> tuple[float, float]:
        """Top-1 and top-5 accuracy in percent, (-1, -1) where a side is empty; forgets both."""
        if not self.train_features or not self.test_features:
            return -1, -1
        bank, labels = torch.cat(self.train_features), torch.cat(self.train_targets)
        test, targets = torch.cat(self.test_features), torch.cat(self.test_targets)
        if self.distance_fx == "cosine":
            bank, test = F.normalize(bank), F.normalize(test)
        classes = int(max(labels.max(), targets.max())) + 1
        k = min(self.k, len(bank))
        top1 = top5 = 0
        for chunk, wanted in zip(test.split(_CHUNK), targets.split(_CHUNK), strict=True):
            if self.distance_fx == "cosine":
                similarity, nearest = (chunk @ bank.T).topk(k, dim=1)
                # Of the nearest 1: the ranking is that of exp(cosine / T), which has no bounds.
                weights = ((similarity - similarity[:, :1]) / self.T).exp()
            else:
                distance, nearest = torch.cdist(chunk, bank).topk(k, dim=1, largest=False)
                weights = 1 / (distance + self.epsilon)
            votes = weights.new_zeros(len(chunk), classes)
            votes.scatter_add_(1, labels[nearest], weights)
            ranking = votes.argsort(dim=1, descending=True)
            hits = ranking == wanted[:, None]
            top1 += int(hits[:, :1].sum())
            top5 += int(hits[:, : min(5, k)].sum())
        self.reset()
        return 100.0 * top1 / len(targets), 100.0 * top5 / len(targets)
