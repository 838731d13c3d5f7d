import itertools

import pytest
import torch
import torch.nn.functional as F
from lightly.loss.hypersphere_loss import HypersphereLoss

from leoclr_plugin.metrics.alignment import alignment


@pytest.fixture
def views():
    return torch.randn(9, 4, 6, generator=torch.Generator().manual_seed(0))


def test_is_the_mean_over_all_pairs_of_views(views):
    distances = [
        (F.normalize(one, dim=0) - F.normalize(other, dim=0)).square().sum()
        for image in views
        for one, other in itertools.combinations(image, 2)
    ]
    assert alignment(views) == pytest.approx(torch.stack(distances).mean().item())


def test_agrees_with_lightly(views):
    expected = HypersphereLoss(lam=0)(views[:, 0], views[:, 1])
    assert alignment(views[:, :2]) == pytest.approx(expected.item())


def test_is_0_for_equal_views_and_4_for_opposite_ones():
    assert alignment(torch.ones(3, 5, 2)) == pytest.approx(0, abs=1e-12)
    assert alignment(torch.tensor([[[1.0, 0], [-2, 0]]])) == pytest.approx(4)
