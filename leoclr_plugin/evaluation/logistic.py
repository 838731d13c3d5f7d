"""L2-regularised logistic regression on frozen features, for one class or several labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

_TOLERANCE = 1e-6
_MAX_ITERATIONS = 1000


class Regressions:
    """One regression over all classes, or one for each class if images have several labels.

    Attributes:
        converged: whether all regressions found the optimum of the last strength.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Keep the training images; ``train`` trains on them.

        Args:
            features: features ``[M, F]``.
            targets: classes ``[M]``, or labels ``[M, C]``: 1, 0, or -1 if unknown.
        """
        # A regression has a free intercept, so this only changes what a strength means: it is the
        # same for features of any length. The steps to the optimum are fewer.
        self._mean = features.mean(axis=0, dtype=float)
        centred = features - self._mean
        self._length = np.sqrt(np.mean(centred**2)) or 1.0
        self._features, self._targets = centred / self._length, targets
        columns = targets[:, None] if targets.ndim == 1 else targets
        # If all or none of the images show a class, it has no regression.
        self._models = {
            column: LogisticRegression(tol=_TOLERANCE, max_iter=_MAX_ITERATIONS, warm_start=True)
            for column, labels in enumerate(columns.T)
            if targets.ndim == 1 or len(np.unique(labels[labels != -1])) == 2
        }
        self.converged = True

    def train(self, strengths: Sequence[float]) -> Iterator[float]:
        """Train with each strength in turn, starting from the previous one.

        Args:
            strengths: the weights of the penalty beside the mean loss of the images. Weak
                penalties take the most steps, so the strongest should come first.

        Yields:
            Each strength after the training with it.
        """
        with tqdm(total=len(strengths) * len(self._models), desc="Regressions", leave=False) as bar:
            for strength in strengths:
                self.converged = True
                for column, model in self._models.items():
                    self._fit(model, column, strength)
                    bar.update()
                yield strength

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """Return the predicted classes ``[N]``, or the scores ``[N, C]``, of features ``[N, F]``.

        All scores of a class without a regression are 0.
        """
        features = (features - self._mean) / self._length
        if self._targets.ndim == 1:
            return self._models[0].predict(features)
        scores = np.zeros((len(features), self._targets.shape[1]))
        for column, model in self._models.items():
            scores[:, column] = model.decision_function(features)
        return scores

    def _fit(self, model: LogisticRegression, column: int, strength: float) -> None:
        features, labels = self._features, self._targets
        if labels.ndim == 2:
            known = labels[:, column] != -1
            features, labels = features[known], labels[known, column]
        # scikit-learn weighs the sum of the losses, and the literature their mean.
        model.set_params(C=1 / (strength * len(labels)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, labels)
        self.converged &= bool(model.n_iter_.max() < _MAX_ITERATIONS)
