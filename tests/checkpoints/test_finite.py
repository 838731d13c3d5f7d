"""Weights that are not finite are refused in one line that names the checkpoint."""

import pytest
import torch

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.errors import UserError


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights(value):
    weights = {"good": torch.ones(2), "steps": torch.tensor(3), "bad": torch.tensor([1.0, value])}
    with pytest.raises(UserError, match=r"^run/a\.ckpt has 1 weights of 3 that .* first is bad;"):
        check_weights(weights, "run/a.ckpt")
    del weights["bad"]
    check_weights(weights, "run/a.ckpt")
