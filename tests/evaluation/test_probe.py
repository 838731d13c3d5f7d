"""The quick linear probe."""

import torch
from omegaconf import OmegaConf

from leoclr_plugin.evaluation.probe import linear_probe


def features(samples: int, seed: int):
    """Five classes, each along an axis of its own, with noise on all eight."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(samples) % 5
    noise = torch.randn(samples, 8, generator=generator)
    return torch.nn.functional.one_hot(targets, 8) * 6.0 + noise, targets


def test_finds_a_linear_rule_and_depends_on_its_seed_and_rate_alone(tmp_path):
    paths = {"train_path": str(tmp_path), "val_path": str(tmp_path)}
    for name in "abcde":
        (tmp_path / name).mkdir()
    data = OmegaConf.create({"dataset": "custom", **paths})
    train, val = features(100, 0), features(50, 1)
    first = linear_probe(data, train, val, seed=0)
    assert first["top1"] > 95
    assert linear_probe(data, train, val, seed=0) == first
    assert linear_probe(data, train, val, seed=1)["loss"] != first["loss"]
    slow = linear_probe(data, train, val, seed=0, lr=1e-6)
    assert slow["loss"] > 2 * first["loss"]
