"""kNN classification by a method's frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.host import host
from leoclr_plugin.metrics.average_precision import (
    average_precision,
    mean_average_precision,
    precision_by_class,
)

_CHUNK = 512  # test images compared at once
_NEAREST = 1e-5  # added to a distance, so that an equal picture's weight is finite


def knn(
    bank: Features,
    test: Features,
    k: int = 20,
    temperature: float = 0.07,
    distance: str = "cosine",
    classes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Classify the test images by a weighted kNN over the bank.

    Images of one class are classified by the host's kNN. Where images have several labels, the
    score of a class is the weighted share of the neighbours that show it.

    Args:
        bank: features ``[M, F]`` of the training images and their targets, ``[M]`` or labels
            ``[M, C]``.
        test: the same of the validation images.
        k: neighbours.
        temperature: t of a neighbour's weight, exp(cosine / t).
        distance: ``"cosine"``, or ``"euclidean"`` with the weight 1 / distance.
        classes: names of the classes, where images have several labels.

    Returns:
        ``top1`` and ``top5`` in percent, or ``mAP`` in percent and ``AP`` of each class; and the
        settings.
    """
    settings = {"k": k, "temperature": temperature, "distance": distance}
    if bank[1].dim() == 2:
        scores = knn_scores(bank, test[0], k, temperature, distance)
        precisions = average_precision(scores, test[1])
        by_class = precision_by_class(classes or range(len(precisions)), precisions)
        return {"mAP": mean_average_precision(precisions), "AP": by_class, **settings}
    classifier = host().WeightedKNNClassifier(k=k, T=temperature, distance_fx=distance)
    classifier.update(*bank, *test)
    top1, top5 = classifier.compute()
    return {"top1": top1, "top5": top5, **settings}


@torch.no_grad()
def knn_scores(
    bank: Features,
    features: torch.Tensor,
    k: int = 20,
    temperature: float = 0.07,
    distance: str = "cosine",
) -> torch.Tensor:
    """Score each class for each image by its neighbours in the bank; arguments as in ``knn``.

    Returns:
        ``[N, C]`` in [0, 1]: the share of the neighbours' weight that belongs to neighbours which
        show the class, among those of which it is known. 0 where it is known of none.
    """
    known_features, labels = bank
    labels = labels.float()
    k = min(k, len(known_features))
    if distance == "cosine":
        known_features, features = F.normalize(known_features), F.normalize(features)
    scores = []
    for chunk in features.split(_CHUNK):
        if distance == "cosine":
            similarity, nearest = (chunk @ known_features.T).topk(k, dim=1)
            # Relative to the nearest neighbour: exp(cosine / t) itself may be beyond float64.
            weights = ((similarity - similarity[:, :1]).double() / temperature).exp()
        else:
            away, nearest = torch.cdist(chunk, known_features).topk(k, dim=1, largest=False)
            weights = 1 / (away.double() + _NEAREST)
        votes = labels[nearest]
        known = weights[..., None] * (votes != -1)
        shares = (known * (votes == 1)).sum(dim=1) / known.sum(dim=1)
        scores.append(shares.nan_to_num(0).float())
    return torch.cat(scores)
