import numpy as np
import pytest

from leoclr_plugin.metrics.accuracy import (
    mean_per_class,
    mean_per_class_error,
    top1,
    top1_error,
)

# Class 0 has four images of which three are right, class 2 has one image, which is wrong. No image
# shows class 1.
TARGETS = np.array([0, 0, 0, 0, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 0])


def test_figures_by_hand():
    assert top1(PREDICTIONS, TARGETS) == pytest.approx(60)
    assert mean_per_class(PREDICTIONS, TARGETS) == pytest.approx((75 + 0) / 2)


def test_standard_errors_by_hand():
    assert top1_error(PREDICTIONS, TARGETS) == pytest.approx(100 * (0.6 * 0.4 / 5) ** 0.5)
    expected = 100 * (0.75 * 0.25 / 4) ** 0.5 / 2
    assert mean_per_class_error(PREDICTIONS, TARGETS) == pytest.approx(expected)
