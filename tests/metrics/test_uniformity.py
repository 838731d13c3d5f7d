import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from lightly.loss.hypersphere_loss import HypersphereLoss

from leoclr_plugin.metrics.uniformity import uniformity


@pytest.fixture
def features():
    return torch.randn(15, 6, generator=torch.Generator().manual_seed(0))


def test_is_the_logarithm_of_the_mean_over_all_pairs(features):
    potentials = [
        math.exp(-2 * (F.normalize(one, dim=0) - F.normalize(other, dim=0)).square().sum())
        for one, other in itertools.combinations(features, 2)
    ]
    assert uniformity(features) == pytest.approx(math.log(sum(potentials) / len(potentials)))


def test_agrees_with_lightly(features):
    # The views of an image are equal, so that nothing is left of the alignment.
    expected = HypersphereLoss(lam=1, t=2)(features, features)
    assert uniformity(features) == pytest.approx(expected.item(), rel=1e-4)


def test_is_0_for_equal_features_and_minus_8_for_opposite_ones():
    assert uniformity(torch.ones(4, 3)) == pytest.approx(0, abs=1e-12)
    assert uniformity(torch.tensor([[1.0, 0], [-1, 0]])) == pytest.approx(-8)
