"""Transfer: logistic regression on frozen features, as Kornblith et al. (arXiv:1805.08974) do it.

The strength of the L2 penalty is chosen on a validation part of the training images. Then all
training images train the regression that is tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.transfer_sets import MAP, MEAN_PER_CLASS, split_by_class
from leoclr_plugin.metrics.accuracy import (
    mean_per_class,
    mean_per_class_error,
    top1,
    top1_error,
)
from leoclr_plugin.metrics.average_precision import (
    average_precision,
    map_of,
    mean_average_precision,
    precision_by_class,
)
from leoclr_plugin.metrics.bootstrap import bootstrap_map
from leoclr_plugin.metrics.logistic import Regressions

# The weight of the penalty beside the mean loss of the images: 45 values from 1e5 to 1e-6, as in
# the literature. The powers of ten are tried first, then the values around the best of them. The
# strongest comes first, because each regression starts from the previous one, and weak penalties
# take the most steps.
_EXPONENTS = np.linspace(5, -6, 45)
_STEPS_A_DECADE = 4
_HELD_OUT = 0.2
_SPLIT_SEED = 0


def transfer(
    train: Features,
    test: Features,
    metric: str,
    validation: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    name: str = "the data set",
) -> dict[str, Any]:
    """Train logistic regression on the training images and measure it on the test images.

    Images of one class have one regression over all classes. Images with several labels have one
    regression for each class. All of them have the same strength.

    Args:
        train: features ``[M, F]`` of the training images, and their classes ``[M]`` or labels
            ``[M, C]`` (1, 0, or -1 if unknown).
        test: features and targets of the test images, in the same form.
        metric: one of ``transfer_sets``; it chooses the strength, and is the result.
        validation: the indexes of the training images that the strength is chosen on; None draws
            a fifth of the images of each class.
        classes: the names of the classes, if images have several labels.
        name: the data set's name, for errors.

    Returns:
        ``metric``, its ``value`` and ``standard_error`` over the test images, in percent;
        ``top1`` and ``mean_per_class``, or ``mAP`` and ``AP`` of each class; the ``strength``
        and the figure of each strength that was ``tried``; whether the regression ``converged``;
        and the number of ``train_images`` and ``test_images``.

    Raises:
        UserError: if the training images show fewer than two classes, or are too few to hold out
            some of them.
    """
    test_features, test_targets = _arrays(test)
    regressions, choice = fit(train, metric, validation, name)
    outputs = regressions.outputs(test_features)
    return {
        "metric": metric,
        **_figures(outputs, test_targets, metric, classes),
        **choice,
        "train_images": len(train[1]),
        "test_images": len(test_targets),
    }


def fit(
    train: Features, metric: str, validation: np.ndarray | None = None, name: str = "the data set"
) -> tuple[Regressions, dict[str, Any]]:
    """Train logistic regression with the strength that is best on a validation part.

    Args:
        train: see ``transfer``.
        metric: see ``transfer``.
        validation: see ``transfer``.
        name: see ``transfer``.

    Returns:
        The regressions, trained on all training images; and the ``strength``, the figure of each
        strength that was ``tried``, and whether the regressions ``converged``.

    Raises:
        UserError: see ``transfer``.
    """
    features, targets = _arrays(train)
    if targets.ndim == 1 and len(np.unique(targets)) < 2:
        raise UserError(f"{name} has training images of one class only; a classifier needs two")
    held_out = _held_out(targets, name) if validation is None else validation
    tried = _try_strengths(features, targets, held_out, metric)
    # The first of equal figures has the strongest penalty.
    strength = max(tried, key=tried.__getitem__)
    if math.isnan(tried[strength]):
        raise _too_few(name)
    regressions = Regressions(features, targets)
    for _ in regressions.train([strength]):
        pass
    return regressions, {
        "strength": strength,
        "tried": {f"{value:.3g}": figure for value, figure in tried.items()},
        "converged": regressions.converged,
    }


def _try_strengths(
    features: np.ndarray, targets: np.ndarray, held_out: np.ndarray, metric: str
) -> dict[float, float]:
    """Return the figure on the held-out images by strength, the strongest first."""
    kept = np.setdiff1d(np.arange(len(targets)), held_out)

    def figures(places: Sequence[int]) -> dict[int, float]:
        regressions = Regressions(features[kept], targets[kept])
        trained = regressions.train([10.0 ** _EXPONENTS[place] for place in places])
        return {
            place: figure(regressions.outputs(features[held_out]), targets[held_out], metric)
            for place, _ in zip(places, trained, strict=True)
        }

    decades = figures(range(0, len(_EXPONENTS), _STEPS_A_DECADE))
    best = max(decades, key=decades.__getitem__)
    around = range(best - _STEPS_A_DECADE + 1, best + _STEPS_A_DECADE)
    between = [place for place in around if 0 <= place < len(_EXPONENTS) and place != best]
    all_tried = {**decades, **figures(between)}
    return {float(10.0 ** _EXPONENTS[place]): all_tried[place] for place in sorted(all_tried)}


def figure(outputs: np.ndarray, targets: np.ndarray, metric: str) -> float:
    """Return a metric in percent of predicted classes ``[N]`` or of scores ``[N, C]``."""
    if metric == MAP:
        return map_of(torch.from_numpy(outputs), torch.from_numpy(targets))
    return (mean_per_class if metric == MEAN_PER_CLASS else top1)(outputs, targets)


def _figures(
    outputs: np.ndarray, targets: np.ndarray, metric: str, classes: Sequence[str] | None
) -> dict[str, Any]:
    if metric == MAP:
        precisions = average_precision(torch.from_numpy(outputs), torch.from_numpy(targets))
        value = mean_average_precision(precisions)
        names = classes or range(len(precisions))
        error = float(bootstrap_map({"": outputs}, targets)[""].std())
        more = {"mAP": value, "AP": precision_by_class(names, precisions)}
    else:
        value = figure(outputs, targets, metric)
        by_class = metric == MEAN_PER_CLASS
        error = (mean_per_class_error if by_class else top1_error)(outputs, targets)
        more = {
            "top1": top1(outputs, targets),
            "mean_per_class": mean_per_class(outputs, targets),
        }
    return {"value": value, "standard_error": error, **more}


def _held_out(targets: np.ndarray, name: str) -> np.ndarray:
    """Return the indexes of a fifth of the images, of each class where images have one class."""
    if targets.ndim == 2:
        order = np.random.RandomState(_SPLIT_SEED).permutation(len(targets))
        held_out = np.sort(order[: max(1, round(_HELD_OUT * len(order)))])
    else:
        # A class with one image keeps it for the training.
        held_out, _ = split_by_class(targets, lambda n: max(n > 1, round(_HELD_OUT * n)))
    if not 0 < len(held_out) < len(targets):
        raise _too_few(name)
    return held_out


def _too_few(name: str) -> UserError:
    return UserError(
        f"{name} has too few training images to choose the strength of the penalty on a fifth of "
        "them; give each class more images"
    )


def _arrays(part: Features) -> tuple[np.ndarray, np.ndarray]:
    features, targets = part
    return features.float().numpy(), targets.long().numpy()
