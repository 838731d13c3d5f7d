"""Test the protocol of transfers against computations of its own."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.features import Features
from leoclr_plugin.evaluation.transfer import transfer
from leoclr_plugin.evaluation.transfer_sets import MAP, MEAN_PER_CLASS, TOP1


def with_classes(seed: int, count: int) -> Features:
    """Return noisy features of three classes; the first has half of the images."""
    random = np.random.default_rng(seed)
    targets = random.choice(3, count, p=[0.5, 0.3, 0.2])
    features = random.normal(size=(count, 4)) + 1.2 * np.eye(3, 4)[targets]
    return torch.from_numpy(features).float(), torch.from_numpy(targets)


def with_labels(seed: int, count: int) -> Features:
    random = np.random.default_rng(seed)
    labels = (random.random((count, 3)) < 0.3).astype(np.int8)
    features = random.normal(size=(count, 6)) + 1.5 * np.pad(labels, ((0, 0), (0, 3)))
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


def by_hand(train: Features, test: torch.Tensor, strength: float) -> np.ndarray:
    """Minimise the mean cross-entropy plus the penalty, and predict the classes of ``test``."""
    features, targets = train[0].double().numpy(), train[1].numpy()
    mean = features.mean(axis=0)
    scale = (features - mean).std()
    x = (features - mean) / scale

    def loss(flat: np.ndarray) -> float:
        weights, intercept = flat[:12].reshape(4, 3), flat[12:]
        logits = x @ weights + intercept
        losses = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(x)), targets]
        return losses.mean() + strength / 2 * (weights**2).sum()

    best = minimize(loss, np.zeros(15), options={"gtol": 1e-7}).x
    logits = (test.double().numpy() - mean) / scale @ best[:12].reshape(4, 3) + best[12:]
    return logits.argmax(axis=1)


@pytest.mark.parametrize("metric", [TOP1, MEAN_PER_CLASS])
def test_agrees_with_a_minimisation_by_hand(metric):
    train, test = with_classes(0, 90), with_classes(1, 60)
    held_out = np.arange(60, 90)
    result = transfer(train, test, metric, held_out)
    predicted, targets = by_hand(train, test[0], result["strength"]), test[1].numpy()
    assert result["top1"] == pytest.approx(100 * (predicted == targets).mean())
    by_class = 100 * balanced_accuracy_score(targets, predicted)
    assert result["mean_per_class"] == pytest.approx(by_class)
    assert result["value"] == result["top1" if metric == TOP1 else "mean_per_class"]
    assert result["top1"] != result["mean_per_class"]
    assert (result["train_images"], result["test_images"]) == (90, 60)
    assert result["converged"]


@pytest.mark.parametrize("metric", [TOP1, MEAN_PER_CLASS])
def test_strength_is_the_best_on_the_validation_part(metric):
    features, targets = with_classes(2, 60)
    held_out = np.arange(1, 60, 2)
    result = transfer((features, targets), with_classes(3, 20), metric, held_out)
    kept = features[::2], targets[::2]
    figures = {}
    for strength in map(float, result["tried"]):
        right = by_hand(kept, features[held_out], strength) == targets[held_out].numpy()
        by_class = [right[targets[held_out].numpy() == label].mean() for label in range(3)]
        figures[strength] = 100 * (right.mean() if metric == TOP1 else np.mean(by_class))
    assert result["tried"] == pytest.approx({f"{k:.3g}": v for k, v in figures.items()})
    # The strengths are listed from the strongest on, which is taken if several are as good.
    assert list(figures) == sorted(figures, reverse=True)
    best = next(k for k, v in figures.items() if v == max(figures.values()))
    assert result["strength"] == pytest.approx(best, rel=1e-2)
    # Twelve powers of ten, and the three quarters of a decade on each side of the best of them.
    assert len(figures) == 18


def test_scale_and_origin_of_the_features_change_nothing():
    train, test = with_classes(4, 80), with_classes(5, 40)
    moved = [(1000 * features + 7, targets) for features, targets in (train, test)]
    assert transfer(*moved, TOP1) == transfer(train, test, TOP1)


def test_several_labels_agree_with_a_plain_script():
    (features, labels), test = with_labels(0, 120), with_labels(1, 80)
    labels[:30, 1] = -1
    result = transfer((features, labels), test, MAP, classes=["a", "b", "c"])
    mean = features.double().mean(dim=0)
    scale = (features.double() - mean).square().mean().sqrt()
    x, y = ((part.double() - mean) / scale for part in (features, test[0]))
    expected = {}
    for column, name in enumerate("abc"):
        known = labels[:, column] != -1
        cost = 1 / (result["strength"] * int(known.sum()))
        model = LogisticRegression(C=cost, tol=1e-8).fit(x[known], labels[known, column])
        scores = model.decision_function(y)
        expected[name] = 100 * average_precision_score(test[1][:, column], scores)
    assert result["AP"] == pytest.approx(expected, abs=1e-3)
    assert result["value"] == result["mAP"] == pytest.approx(sum(expected.values()) / 3)
    assert 0 < result["standard_error"] < 20


def test_a_class_that_no_training_image_shows_is_ranked_at_random():
    (features, labels), test = with_labels(2, 100), with_labels(3, 50)
    labels[:, 2] = 0
    result = transfer((features, labels), test, MAP)
    # All images have the same score, so the precision is the share of images with the class.
    assert result["AP"][2] == pytest.approx(100 * test[1][:, 2].float().mean().item(), abs=1e-3)


def test_collapsed_features_have_a_result():
    train = torch.ones(20, 3), torch.arange(20) % 2
    assert transfer(train, train, TOP1)["value"] == 50


def test_too_few_images_or_classes_are_refused():
    features = torch.eye(3)
    with pytest.raises(UserError, match="photos has training images of one class only"):
        transfer((features, torch.zeros(3).long()), with_classes(0, 4), TOP1, name="photos")
    with pytest.raises(UserError, match="photos has too few training images"):
        transfer((features, torch.arange(3)), with_classes(0, 4), TOP1, name="photos")
    labels = torch.zeros(10, 2).to(torch.int8)
    with pytest.raises(UserError, match="photos has too few training images"):
        transfer((torch.eye(10), labels), (torch.eye(10), labels), MAP, name="photos")
