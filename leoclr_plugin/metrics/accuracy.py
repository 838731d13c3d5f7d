"""Accuracy of predicted classes, over all images or as the mean over the classes."""

from __future__ import annotations

from math import sqrt

import numpy as np


def top1(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of images ``[N]`` with the right class, in percent."""
    return 100 * float((predictions == targets).mean())


def mean_per_class(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean of the classes' accuracies in percent.

    Every class that an image shows has the same weight, whatever its number of images.
    """
    right, images = _by_class(predictions, targets)
    return 100 * float((right / images).mean())


def top1_error(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the standard error of ``top1`` over the images, in percent."""
    share = top1(predictions, targets) / 100
    return 100 * sqrt(share * (1 - share) / len(targets))


def mean_per_class_error(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the standard error of ``mean_per_class`` over the images of each class, in percent."""
    right, images = _by_class(predictions, targets)
    share = right / images
    return 100 * sqrt((share * (1 - share) / images).sum()) / len(images)


def _by_class(predictions: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of right images and of all images of each class that an image shows."""
    _, classes = np.unique(targets, return_inverse=True)
    return np.bincount(classes, weights=predictions == targets), np.bincount(classes)
