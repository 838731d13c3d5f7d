"""Test that every measure moves as it should while a network collapses."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from leoclr_plugin.metrics.label_free import ON_COLLAPSE, label_free_measures

_IMAGES, _VIEWS = 120, 4


def small_network() -> nn.Module:
    layers: list[nn.Module] = []
    for channels, wider in ((3, 16), (16, 32), (32, 48)):
        layers += [nn.Conv2d(channels, wider, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def pictures(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures ``[N, 3, 16, 16]`` and views of them, which differ by colour and noise."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(_IMAGES, 3, 4, 4, generator=generator)
    images = F.interpolate(images, 16, mode="bilinear", align_corners=False)
    generator.manual_seed(seed)
    colours = 1 + 0.3 * torch.randn(_IMAGES, _VIEWS, 3, 1, 1, generator=generator)
    noise = 0.3 * torch.randn(_IMAGES, _VIEWS, 3, 16, 16, generator=generator)
    return images, images[:, None] * colours + noise


@torch.no_grad()
def measured(network: nn.Module) -> dict[str, float]:
    images, views = pictures(seed=1)
    features = network(views.flatten(0, 1))
    return label_free_measures(network(images), features.view(_IMAGES, _VIEWS, -1))


def trained_to_collapse(network: nn.Module, steps: int) -> None:
    """Pull the views of an image together; nothing keeps different images apart."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for step in range(steps):
        _, views = pictures(seed=step + 2)
        one, other = (F.normalize(network(views[:, i])) for i in (0, 1))
        loss = (one - other).square().sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def assert_moved(before: dict[str, float], after: dict[str, float]) -> None:
    for name, direction in ON_COLLAPSE.items():
        moved = "falls" if after[name] < before[name] else "rises"
        assert moved == direction, (name, before[name], after[name])


def test_the_direction_of_every_measure_is_known():
    torch.manual_seed(0)
    assert measured(small_network()).keys() == ON_COLLAPSE.keys()
    # These two are ranks, which a collapse takes away.
    assert ON_COLLAPSE["rankme"] == ON_COLLAPSE["lidar"] == "falls"


@pytest.mark.parametrize("seed", [0, 2])
def test_measures_move_while_a_training_without_negatives_collapses(seed):
    torch.manual_seed(seed)
    network = small_network()
    before = measured(network)
    trained_to_collapse(network, steps=40)
    after = measured(network)
    assert_moved(before, after)
    assert after["uniformity"] > -0.01, "the training has not collapsed"
    # A good part of the rank is lost, and not just a little of it.
    assert after["rankme"] < 0.5 * before["rankme"]
    assert after["lidar"] < 0.7 * before["lidar"]


@pytest.mark.parametrize("kept", [24, 12, 6, 3])
def test_measures_move_when_features_lose_directions(kept):
    torch.manual_seed(0)
    features, views = torch.randn(200, 48), torch.randn(200, _VIEWS, 48)
    views = features[:, None] + 0.3 * views
    before = label_free_measures(features, views)
    scales = torch.where(torch.arange(48) < kept, 1.0, 0.03)
    noise = 0.03 * torch.randn(views.shape)
    after = label_free_measures(features * scales, views * scales + noise)
    del before["alignment"], after["alignment"]
    for name, value in after.items():
        assert (value < before[name]) == (ON_COLLAPSE[name] == "falls"), name


def test_features_that_only_differ_by_rounding_count_as_equal():
    torch.manual_seed(0)
    features = 3 + 1e-7 * torch.randn(60, 32)
    views = 3 + 1e-7 * torch.randn(60, _VIEWS, 32)
    measures = label_free_measures(features, views)
    assert measures["rankme"] == pytest.approx(1, abs=1e-3)
    assert measures["lidar"] == 1
    assert measures["alpha_req"] == float("inf")
    assert measures["uniformity"] == pytest.approx(0, abs=1e-6)
