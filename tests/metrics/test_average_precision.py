import math

import pytest
import torch
from sklearn.metrics import average_precision_score

from leoclr_plugin.metrics.average_precision import average_precision, mean_average_precision


@pytest.fixture
def scored():
    generator = torch.Generator().manual_seed(0)
    scores = 40 * torch.randn(60, 5, generator=generator)
    # Half of the scores of one class are equal, as the scores of a kNN often are.
    scores[:30, 1] = 7.0
    targets = (torch.rand(60, 5, generator=generator) < 0.3).to(torch.int8)
    return scores, targets


def test_agrees_with_scikit_learn(scored):
    scores, targets = scored
    expected = [
        100 * average_precision_score(targets[:, i], scores[:, i]) for i in range(scores.shape[1])
    ]
    precisions = average_precision(scores, targets)
    assert precisions.tolist() == pytest.approx(expected)
    assert mean_average_precision(precisions) == pytest.approx(sum(expected) / 5)


def test_unknown_labels_are_left_out(scored):
    scores, targets = scored
    targets[::4, 2] = -1
    known = targets[:, 2] != -1
    expected = 100 * average_precision_score(targets[known, 2], scores[known, 2])
    assert average_precision(scores, targets)[2].item() == pytest.approx(expected)


def test_a_class_that_no_image_shows_has_no_precision_and_does_not_count(scored):
    scores, targets = scored
    expected = average_precision(scores, targets)[[0, 1, 2, 3]].mean().item()
    targets[:, 4] = 0
    targets[0, 4] = -1
    precisions = average_precision(scores, targets)
    assert math.isnan(precisions[4])
    assert mean_average_precision(precisions) == pytest.approx(expected)


def test_scores_that_are_not_finite_are_refused(scored):
    scores, targets = scored
    scores[3, 2] = math.nan
    with pytest.raises(ValueError, match="not finite"):
        average_precision(scores, targets)
