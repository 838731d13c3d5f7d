import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from leoclr_plugin.metrics.alpha_req import alpha_req


def power_law(alpha: float, count: int = 400, length: int = 150) -> torch.Tensor:
    """Return features whose covariance has the eigenvalues j^-alpha exactly."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, length, generator=generator, dtype=torch.double)
    directions = torch.linalg.qr(noise - noise.mean(dim=0)).Q
    return directions * torch.arange(1, length + 1).double() ** (-alpha / 2) + 2


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.5])
def test_finds_the_exponent_of_a_power_law(alpha):
    assert alpha_req(power_law(alpha)) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("length", [30, 150])
def test_agrees_with_scikit_learn_and_numpys_weighted_fit(length):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(300, length, generator=generator) @ torch.randn(
        length, length, generator=generator
    )
    variances = PCA().fit(features.double().numpy()).explained_variance_[3:100]
    ranks = np.arange(4, 4 + len(variances))
    # numpy multiplies the residual, and not its square, by the weight.
    slope, _ = np.polyfit(np.log(ranks), np.log(variances), 1, w=ranks**-0.5)
    assert alpha_req(features) == pytest.approx(-slope)


@pytest.mark.parametrize("rank", [0, 1, 5])
def test_is_infinite_for_features_of_few_directions(rank):
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(50, rank, generator=generator) @ torch.randn(
        rank, 20, generator=generator
    )
    assert alpha_req(features + 1) == math.inf
