import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from leoclr_plugin.metrics.bootstrap import bootstrap_map, interval


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    targets = (rng.random((50, 3)) < 0.4).astype(np.int8)
    good = targets + rng.normal(0, 0.8, targets.shape)
    # Rounded scores have ties, as kNN's have.
    return {"good": good, "coarse": good.round(), "random": rng.random(targets.shape)}, targets


def test_each_draw_is_the_measure_of_its_images(scored):
    scores, targets = scored
    targets[::5, 1] = -1
    drawn = bootstrap_map(scores, targets, draws=20, seed=3)
    counts = np.random.default_rng(3).multinomial(50, np.full(50, 1 / 50), size=20)
    for name, values in scores.items():
        for draw, count in enumerate(counts):
            images = np.repeat(np.arange(50), count)
            precisions = []
            for column in range(3):
                known = images[targets[images, column] != -1]
                precisions.append(
                    average_precision_score(targets[known, column], values[known, column])
                )
            assert drawn[name][draw] == pytest.approx(100 * np.mean(precisions))


def test_a_class_that_a_draw_does_not_show_is_left_out():
    targets = np.array([[1, 1], [1, 0], [0, 0]], np.int8)
    drawn = bootstrap_map({"a": targets.astype(float)}, targets, draws=200)["a"]
    # Scores that are the labels rank every image of a class first.
    assert drawn[~np.isnan(drawn)] == pytest.approx(100)


def test_draws_are_paired_and_their_interval_holds_the_middle(scored):
    scores, targets = scored
    drawn = bootstrap_map(scores, targets, draws=400)
    low, high = interval(drawn["good"] - drawn["random"])
    assert 0 < low < (drawn["good"] - drawn["random"]).mean() < high
    assert interval(np.arange(101.0), share=0.9) == pytest.approx((5, 95))
