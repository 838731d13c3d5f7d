import pytest
import torch
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.methods.batch_norm import (
    join_by_parts,
    separate_by_parts,
    split_batch_norm,
)


def network():
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    features = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(4))
    return nn.Sequential(maps, features)


def test_each_part_is_normalised_like_a_separate_batch():
    images = torch.randn(7, 3, 8, 8)
    split, plain = network(), network()
    names, parameters = list(split.state_dict()), list(split.parameters())
    split_batch_norm(split, 3)
    assert list(split.state_dict()) == names
    assert all(a is b for a, b in zip(split.parameters(), parameters, strict=True))
    expected = torch.cat([plain(part) for part in (images[:3], images[3:5], images[5:])])
    assert torch.equal(split(images), expected)
    for a, b in zip(split.buffers(), plain.buffers(), strict=True):
        assert torch.allclose(a, b)
    split.eval(), plain.eval()
    assert torch.equal(split(images), plain(images))


def test_a_backbone_without_batch_norm_is_refused():
    with pytest.raises(UserError, match="bn_splits=2, but the backbone has no batch norm"):
        split_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), 2)


def test_joined_parts_have_all_views_of_their_images():
    views = [torch.arange(6), torch.arange(10, 16)]
    joined = join_by_parts(views, 3)
    assert joined.tolist() == [0, 1, 10, 11, 2, 3, 12, 13, 4, 5, 14, 15]
    again = separate_by_parts(joined, 2, 3)
    assert all(torch.equal(a, b) for a, b in zip(again, views, strict=True))
