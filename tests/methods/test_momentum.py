import copy

import pytest
import torch
from torch import nn

from leoclr_plugin.methods.momentum import ForeachMomentumUpdater


@pytest.mark.parametrize("tau", [0.0, 0.5, 0.999, 1.0])
def test_update_is_the_moving_average(tau):
    torch.manual_seed(0)
    online = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 2))
    momentum = copy.deepcopy(online).requires_grad_(False)
    for parameter in momentum.parameters():
        parameter.add_(torch.randn_like(parameter))
    expected = [
        tau * m.double() + (1 - tau) * o.double()
        for o, m in zip(online.parameters(), momentum.parameters(), strict=True)
    ]
    updater = ForeachMomentumUpdater(tau, 1.0)
    updater.update(online, momentum)
    for parameter, value in zip(momentum.parameters(), expected, strict=True):
        assert torch.allclose(parameter.double(), value, rtol=1e-6, atol=1e-7)


def test_online_network_and_running_statistics_are_left_alone():
    online, momentum = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    online.running_mean.fill_(7.0)
    before = copy.deepcopy(online.state_dict())
    ForeachMomentumUpdater(0.5, 1.0).update(online, momentum)
    assert all(torch.equal(before[key], value) for key, value in online.state_dict().items())
    assert momentum.running_mean.abs().sum() == 0


def test_schedule_is_a_cosine_between_its_ends():
    updater = ForeachMomentumUpdater(0.9, 1.0)
    assert updater.cur_tau == 0.9
    updater.update_tau(50, 100)
    assert updater.cur_tau == pytest.approx(0.95)
    updater.update_tau(100, 100)
    assert updater.cur_tau == pytest.approx(1.0)
