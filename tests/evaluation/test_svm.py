import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from sklearn.svm import LinearSVC

from leoclr_plugin.evaluation.svm import COSTS, choose_cost, linear_svm


def labelled(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features with noise and labels of three classes, which the first columns show."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, 3, generator=generator) < 0.3).to(torch.int8)
    features = torch.randn(count, 8, generator=generator)
    features[:, :3] += 1.5 * labels
    return features, labels


def test_agrees_with_a_plain_script():
    train, val = labelled(0, 120), labelled(1, 80)
    result = linear_svm(train, val, ["a", "b", "c"])

    def unit(features):
        features = features.numpy()
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    expected = {}
    for column, name in enumerate("abc"):
        svm = LinearSVC(
            C=result["cost"][name], class_weight={1: 2}, max_iter=10_000, random_state=0
        ).fit(unit(train[0]), train[1][:, column])
        scores = svm.decision_function(unit(val[0]))
        expected[name] = 100 * average_precision_score(val[1][:, column], scores)
    assert result["AP"] == pytest.approx(expected, abs=1e-3)
    assert result["mAP"] == pytest.approx(sum(expected.values()) / 3)
    assert set(result["cost"].values()) <= set(COSTS)


def test_unknown_labels_are_left_out():
    (features, labels), val = labelled(0, 120), labelled(1, 80)
    wrong = labels.clone()
    wrong[:40, 1] = 1 - wrong[:40, 1]
    unknown = labels.clone()
    unknown[:40, 1] = -1
    without = linear_svm((features[40:], labels[40:]), val)["AP"][1]
    assert linear_svm((features, unknown), val)["AP"][1] == without
    assert linear_svm((features, wrong), val)["AP"][1] != without


def test_a_class_that_no_training_image_shows_has_no_svm():
    (features, labels), val = labelled(0, 60), labelled(1, 40)
    labels[:, 2] = 0
    result = linear_svm((features, labels), val)
    assert result["cost"][2] is None
    # All images have the same score, so the precision is the share of images with the class.
    assert result["AP"][2] == pytest.approx(100 * val[1][:, 2].float().mean().item(), abs=1e-3)


def test_one_class_for_each_image_is_accepted():
    features = torch.eye(4).repeat(8, 1)
    targets = torch.arange(4).repeat(8)
    assert linear_svm((features, targets), (features, targets))["mAP"] == pytest.approx(100)


def test_the_cost_is_not_chosen_on_too_few_images():
    labels = np.array([1] * 4 + [0] * 30)
    assert choose_cost(np.random.default_rng(0).normal(size=(34, 3)), labels) == 1.0
