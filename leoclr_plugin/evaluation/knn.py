"""kNN classification with a method's frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from leoclr_plugin.evaluation.bank import is_on_disk
from leoclr_plugin.evaluation.features import Features, device
from leoclr_plugin.host import host
from leoclr_plugin.metrics.average_precision import (
    average_precision,
    mean_average_precision,
    precision_by_class,
)
from leoclr_plugin.metrics.neighbours import knn_accuracy, label_scores


def knn(
    bank: Features,
    test: Features,
    k: int = 20,
    temperature: float = 0.07,
    distance: str = "cosine",
    classes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Classify the test images by a weighted kNN over the bank.

    If each image has one class, the host's kNN classifies it. Features in a file are classified by
    ours, which gives the same figures. If images have several labels, the score of a class is the
    weighted share of the neighbours that show the class.

    Args:
        bank: features ``[M, F]`` of the training images, and their classes ``[M]`` or labels
            ``[M, C]``.
        test: features and targets of the validation images, in the same form.
        k: the number of neighbours.
        temperature: t in a neighbour's weight exp(cosine / t).
        distance: ``"cosine"``, or ``"euclidean"`` with the weight 1 / distance.
        classes: the names of the classes, if images have several labels.

    Returns:
        ``top1`` and ``top5`` in percent, or ``mAP`` in percent and ``AP`` of each class; and the
        settings ``k``, ``temperature`` and ``distance``.
    """
    settings = {"k": k, "temperature": temperature, "distance": distance}
    if bank[1].dim() == 2:
        scores = knn_scores(bank, test[0], k, temperature, distance)
        precisions = average_precision(scores, test[1])
        by_class = precision_by_class(classes or range(len(precisions)), precisions)
        return {"mAP": mean_average_precision(precisions), "AP": by_class, **settings}
    if is_on_disk(bank):
        # The host's classifier would make several copies of the bank in memory.
        top1, top5 = knn_accuracy(
            test[0].to(device(), torch.float32), test[1], *bank, k, temperature, distance
        )
    else:
        classifier = host().WeightedKNNClassifier(k=k, T=temperature, distance_fx=distance)
        classifier.update(*bank, *test)
        top1, top5 = classifier.compute()
    return {"top1": top1, "top5": top5, **settings}


def knn_scores(
    bank: Features,
    features: torch.Tensor,
    k: int = 20,
    temperature: float = 0.07,
    distance: str = "cosine",
) -> torch.Tensor:
    """Score each class for each image by its neighbours in the bank; arguments as in ``knn``.

    Returns:
        See ``metrics.neighbours.label_scores``; the scores are on the CPU.
    """
    features = features.to(device(), torch.float32)
    return label_scores(features, *bank, k, temperature, distance).cpu()
