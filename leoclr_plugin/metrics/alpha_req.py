"""alpha-ReQ: how fast the eigenvalues of the features' covariance decay."""

from __future__ import annotations

import math

import torch

from leoclr_plugin.metrics.effective_rank import rounding_variance

# The ranks of the eigenvalues that are fitted, from 1. The paper gives no range. Its authors' code
# has several, and this is one of them.
_FIRST, _LAST = 4, 100
_FEWEST = 3


def alpha_req(features: torch.Tensor) -> float:
    """Fit a power law to the eigenvalues of the features' covariance and return its exponent.

    Agrawal et al., "alpha-ReQ: Assessing representation quality in self-supervised learning by
    measuring eigenspectrum decay", NeurIPS 2022: the j-th largest eigenvalue is proportional to
    j^-alpha. alpha is the slope of a straight line through the points (log j, -log eigenvalue),
    fitted by least squares with the weights 1 / j for j from 4 to 100.

    Args:
        features: ``[N, F]``, finite.

    Returns:
        alpha. The paper finds the best networks near 1. It rises if features collapse to few
        directions, and is infinite if fewer than three eigenvalues of the range are above the
        rounding of float32.
    """
    centred = features.double() - features.double().mean(dim=0)
    eigenvalues = torch.linalg.svdvals(centred).square() / len(features)
    fitted = eigenvalues[_FIRST - 1 : _LAST]
    fitted = fitted[fitted > rounding_variance(features)]
    if len(fitted) < _FEWEST:
        return math.inf
    ranks = torch.arange(_FIRST, _FIRST + len(fitted), dtype=torch.double)
    weights = 1 / ranks
    x, y = ranks.log(), -fitted.log()
    x, y = (values - (weights * values).sum() / weights.sum() for values in (x, y))
    return float((weights * x * y).sum() / (weights * x * x).sum())
