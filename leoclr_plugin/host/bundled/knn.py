"""The weighted k-nearest-neighbour classifier of the online and offline evaluations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torchmetrics import Metric

_CHUNK = 512  # test images compared at once


class WeightedKNNClassifier(Metric):
    """kNN on features; the vote of each neighbour is weighted by its similarity.

    Attributes:
        k: the number of neighbours that vote.
        T: the temperature of the weight ``exp(cosine / T)``.
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
        """Return the top-1 and top-5 accuracy in percent, and reset the classifier.

        Without features in the bank or in the test set, it returns (-1, -1) and does not reset.
        """
        if not self.train_features or not self.test_features:
            return -1, -1
        bank, labels = torch.cat(self.train_features), torch.cat(self.train_targets)
        test, targets = torch.cat(self.test_features), torch.cat(self.test_targets)
        if self.distance_fx == "cosine":
            bank, test = F.normalize(bank), F.normalize(test)
        classes = int(max(labels.max(), targets.max())) + 1
        k = min(self.k, len(bank))
        top1 = top5 = 0
        for chunk, expected in zip(test.split(_CHUNK), targets.split(_CHUNK), strict=True):
            if self.distance_fx == "cosine":
                similarity, nearest = (chunk @ bank.T).topk(k, dim=1)
                # exp(cosine / T) can overflow. Subtracting the nearest neighbour's cosine avoids
                # this and gives the same ranking.
                weights = ((similarity - similarity[:, :1]) / self.T).exp()
            else:
                distance, nearest = torch.cdist(chunk, bank).topk(k, dim=1, largest=False)
                weights = 1 / (distance + self.epsilon)
            votes = weights.new_zeros(len(chunk), classes)
            votes.scatter_add_(1, labels[nearest], weights)
            ranking = votes.argsort(dim=1, descending=True)
            hits = ranking == expected[:, None]
            top1 += int(hits[:, :1].sum())
            top5 += int(hits[:, : min(5, k)].sum())
        self.reset()
        return 100.0 * top1 / len(targets), 100.0 * top5 / len(targets)
