"""Transfer: logistic regression on frozen features, as Kornblith et al. (arXiv:1805.08974) do it.

The strength of the L2 penalty is chosen on a validation part of the training images. Then all
training images train the regression that is tested.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

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

# The weight of the penalty beside the mean loss of the images: 45 values from 1e5 to 1e-6, as in
# the literature. The powers of ten are tried first, then the values around the best of them. The
# strongest comes first, because each regression starts from the previous one, and weak penalties
# take the most steps.
_EXPONENTS = np.linspace(5, -6, 45)
_STEPS_A_DECADE = 4
_HELD_OUT = 0.2
_SPLIT_SEED = 0
_TOLERANCE = 1e-6
_MAX_ITERATIONS = 1000


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
    (features, targets), (test_features, test_targets) = (_arrays(part) for part in (train, test))
    if targets.ndim == 1 and len(np.unique(targets)) < 2:
        raise UserError(f"{name} has training images of one class only; a transfer needs two")
    held_out = _held_out(targets, name) if validation is None else validation
    tried = _try_strengths(features, targets, held_out, metric)
    # The first of equal figures has the strongest penalty.
    strength = max(tried, key=tried.__getitem__)
    if math.isnan(tried[strength]):
        raise _too_few(name)
    ((outputs, converged),) = _outputs(features, targets, test_features, [strength])
    return {
        "metric": metric,
        **_figures(outputs, test_targets, metric, classes),
        "strength": strength,
        "tried": {f"{value:.3g}": figure for value, figure in tried.items()},
        "converged": converged,
        "train_images": len(targets),
        "test_images": len(test_targets),
    }


def _try_strengths(
    features: np.ndarray, targets: np.ndarray, held_out: np.ndarray, metric: str
) -> dict[float, float]:
    """Return the figure on the held-out images by strength, the strongest first."""
    kept = np.setdiff1d(np.arange(len(targets)), held_out)

    def figures(places: Sequence[int]) -> dict[int, float]:
        strengths = [10.0 ** _EXPONENTS[place] for place in places]
        outputs = _outputs(features[kept], targets[kept], features[held_out], strengths)
        return {
            place: _figure(values, targets[held_out], metric)
            for place, (values, _) in zip(places, outputs, strict=True)
        }

    decades = figures(range(0, len(_EXPONENTS), _STEPS_A_DECADE))
    best = max(decades, key=decades.__getitem__)
    around = range(best - _STEPS_A_DECADE + 1, best + _STEPS_A_DECADE)
    between = [place for place in around if 0 <= place < len(_EXPONENTS) and place != best]
    all_tried = {**decades, **figures(between)}
    return {float(10.0 ** _EXPONENTS[place]): all_tried[place] for place in sorted(all_tried)}


def _outputs(
    features: np.ndarray, targets: np.ndarray, test: np.ndarray, strengths: Sequence[float]
) -> list[tuple[np.ndarray, bool]]:
    """Train with each strength and apply the regressions to other features.

    Returns:
        For each strength the predicted classes ``[N]`` or the scores ``[N, C]``, and whether all
        regressions converged.
    """
    # A regression has a free intercept, so this only changes what a strength means: it is the same
    # for features of any length. The steps to the optimum are fewer.
    features, test = features.astype(float), test.astype(float)
    mean = features.mean(axis=0)
    features -= mean
    length = np.sqrt(np.mean(features**2)) or 1.0
    features /= length
    test = (test - mean) / length
    if targets.ndim == 1:
        return [
            (model.predict(test), converged)
            for model, converged in _path(features, targets, strengths, "Strengths")
        ]
    scores = np.zeros((len(strengths), len(test), targets.shape[1]))
    all_converged = np.ones(len(strengths), bool)
    for column in tqdm(range(targets.shape[1]), desc="Classes", leave=False):
        known = targets[:, column] != -1
        labels = targets[known, column]
        # If all or none of the images show the class, all scores stay equal.
        if len(np.unique(labels)) == 2:
            path = _path(features[known], labels, strengths)
            for place, (model, converged) in enumerate(path):
                scores[place, :, column] = model.decision_function(test)
                all_converged[place] &= converged
    return list(zip(scores, all_converged.tolist(), strict=True))


def _path(
    features: np.ndarray, targets: np.ndarray, strengths: Sequence[float], title: str | None = None
) -> Iterator[tuple[LogisticRegression, bool]]:
    """Train with each strength in turn; yield the model, and whether it converged."""
    model = LogisticRegression(tol=_TOLERANCE, max_iter=_MAX_ITERATIONS, warm_start=True)
    for strength in tqdm(strengths, desc=title, leave=False, disable=title is None):
        # scikit-learn weighs the sum of the losses, and the literature their mean.
        model.set_params(C=1 / (strength * len(targets)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, targets)
        yield model, bool(model.n_iter_.max() < _MAX_ITERATIONS)


def _figure(outputs: np.ndarray, targets: np.ndarray, metric: str) -> float:
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
        value = _figure(outputs, targets, metric)
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
