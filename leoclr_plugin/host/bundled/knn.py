"""The weighted k-nearest-neighbour classifier of the online and offline evaluations."""

from __future__ import annotations

import torch
from torchmetrics import Metric

from leoclr_plugin.metrics.neighbours import knn_accuracy


class WeightedKNNClassifier(Metric):
    """kNN on features; the vote of each neighbour is weighted by its similarity.

    Attributes:
        k: the number of neighbours that vote.
        T: the temperature of the weight ``exp(cosine / T)``.
        distance_fx: ``"cosine"``, or ``"euclidean"`` with the weight ``1 / distance``.
    """

    full_state_update = False

    def __init__(self, k: int = 20, T: float = 0.07, distance_fx: str = "cosine") -> None:
        super().__init__()
        if distance_fx not in ("cosine", "euclidean"):
            raise ValueError(f"distance_fx must be 'cosine' or 'euclidean', not {distance_fx!r}")
        self.k, self.T, self.distance_fx = k, T, distance_fx
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
        accuracy = knn_accuracy(test, targets, bank, labels, self.k, self.T, self.distance_fx)
        self.reset()
        return accuracy
