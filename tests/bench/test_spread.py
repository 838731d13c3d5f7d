import pytest

from leoclr_plugin.bench.spread import ratio_spread, spread


def test_spread_has_the_middle_and_both_ends():
    assert spread([4.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 4.0}


def test_each_ratio_is_taken_within_one_round():
    assert ratio_spread([2.0, 9.0], [1.0, 3.0]) == {"median": 2.5, "min": 2.0, "max": 3.0}
    with pytest.raises(ValueError, match="zip"):
        ratio_spread([1.0], [1.0, 2.0])
