"""Linear support vector machines on frozen features, the field's protocol for VOC 2007."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC
from tqdm import tqdm

from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.metrics.average_precision import (
    average_precision,
    mean_average_precision,
    precision_by_class,
)

COSTS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
# Few images show a class, so an error on one of them counts twice.
_CLASS_WEIGHT = {0: 1, 1: 2}
_HELD_OUT = 0.2
_SPLIT_SEED = 0
_MAX_ITERATIONS = 10_000


def linear_svm(
    train: Features, val: Features, classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """Train a linear SVM for each class and rank the validation images by its scores.

    Features are L2-normalised. The cost of a class is chosen from ``COSTS`` by the average
    precision on a held-out fifth of the training images. Then all training images train the SVM. A
    class that all or none of the training images show has no SVM, and all its scores are 0.

    Args:
        train: features ``[M, F]`` of the training images, and their labels ``[M, C]`` (1, 0, or -1
            if unknown) or classes ``[M]``.
        val: features and targets of the validation images.
        classes: the names of the classes.

    Returns:
        ``mAP`` in percent, ``AP`` and ``cost`` of each class, and the ``protocol``.
    """
    features, val_features = (F.normalize(part[0].float()).numpy() for part in (train, val))
    count = _number_of_classes(train, val)
    targets, val_targets = (_as_labels(part[1], count) for part in (train, val))
    names = list(classes or range(count))
    scores = np.zeros((len(val_features), count))
    costs: dict[str, float | None] = {}
    for column, name in enumerate(tqdm(names, desc="Classes")):
        known = targets[:, column] != -1
        labels = targets[known, column]
        if len(np.unique(labels)) < 2:
            costs[name] = None
            continue
        cost = choose_cost(features[known], labels)
        costs[name] = cost
        svm = _svm(cost).fit(features[known], labels)
        scores[:, column] = svm.decision_function(val_features)
    precisions = average_precision(torch.from_numpy(scores), torch.from_numpy(val_targets))
    return {
        "mAP": mean_average_precision(precisions),
        "AP": precision_by_class(names, precisions),
        "cost": costs,
        "protocol": "svm",
    }


def choose_cost(features: np.ndarray, labels: np.ndarray) -> float:
    """Return the cost with the best ranking of a held-out fifth of the images.

    If several costs are equally good, it is the lowest. If there are too few images to hold out
    one with and one without the class, it is 1.
    """
    if min(np.bincount(labels)) < 1 / _HELD_OUT:
        return 1.0
    train, held_out, train_labels, held_out_labels = train_test_split(
        features, labels, test_size=_HELD_OUT, stratify=labels, random_state=_SPLIT_SEED
    )

    def precision(cost: float) -> float:
        scores = _svm(cost).fit(train, train_labels).decision_function(held_out)
        column = torch.from_numpy(scores)[:, None]
        return average_precision(column, torch.from_numpy(held_out_labels)[:, None]).item()

    return max(COSTS, key=precision)


def _svm(cost: float) -> LinearSVC:
    return LinearSVC(C=cost, class_weight=_CLASS_WEIGHT, max_iter=_MAX_ITERATIONS, random_state=0)


def _number_of_classes(train: Features, val: Features) -> int:
    if train[1].dim() == 2:
        return train[1].shape[1]
    return int(max(train[1].max(), val[1].max())) + 1


def _as_labels(targets: torch.Tensor, count: int) -> np.ndarray:
    labels = targets if targets.dim() == 2 else F.one_hot(targets.long(), count)
    return labels.numpy().astype(np.int64)
