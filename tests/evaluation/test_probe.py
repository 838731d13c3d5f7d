"""Test the quick linear probe."""

import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.evaluation import probe as module
from leoclr_plugin.evaluation.probe import linear_probe, tuned_linear_probe


def features(samples: int, seed: int):
    """Return features of five classes, each along its own axis, with noise on all eight axes."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(samples) % 5
    noise = torch.randn(samples, 8, generator=generator)
    return torch.nn.functional.one_hot(targets, 8) * 6.0 + noise, targets


def rows(part):
    return {(*row, target) for row, target in zip(*(t.tolist() for t in part), strict=True)}


@pytest.fixture
def data(tmp_path):
    for name in "abcde":
        (tmp_path / name).mkdir()
    paths = {"train_path": str(tmp_path), "val_path": str(tmp_path)}
    return OmegaConf.create({"dataset": "custom", **paths})


def test_finds_a_linear_rule_and_depends_only_on_its_seed_and_rate(data):
    train, val = features(100, 0), features(50, 1)
    first = linear_probe(data, train, val, 3.0, seed=0)
    assert first["top1"] > 95
    assert linear_probe(data, train, val, 3.0, seed=0) == first
    assert linear_probe(data, train, val, 3.0, seed=1)["loss"] != first["loss"]
    slow = linear_probe(data, train, val, 1e-6, seed=0)
    assert slow["loss"] > 2 * first["loss"]


def test_trains_in_one_thread_and_restores_the_number_of_threads(data, monkeypatch):
    monkeypatch.setattr(module, "linear_on_features", lambda *_: torch.get_num_threads())
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert linear_probe(data, features(10, 0), features(10, 1), 0.1) == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_tuned_rate_follows_the_length_of_the_features(data, monkeypatch):
    monkeypatch.setattr(module, "RATES", (1e-3, 1e3))
    for length, rate in ((30.0, 1e-3), (0.01, 1e3)):
        (train, targets), (val, val_targets) = features(200, 0), features(100, 1)
        result = tuned_linear_probe(data, (length * train, targets), (length * val, val_targets))
        assert result["lr"] == rate
        assert result["top1"] > 95


def test_the_rate_is_chosen_without_the_validation_set(data, monkeypatch):
    calls = []

    def probe(data, train, val, lr, ranking=None, rows=None):
        calls.append((train if rows is None else [part[rows] for part in train], val, lr))
        return {"top1": {0.1: 50.0, 0.3: 50.0}.get(lr, 40.0)}

    monkeypatch.setattr(module, "linear_probe", probe)
    train, val = features(95, 0), features(20, 1)
    assert tuned_linear_probe(data, train, val) == {"top1": 50.0, "lr": 0.1}
    *tried, (last_train, last_val, _) = calls
    assert last_train is train and last_val is val
    assert [lr for _, _, lr in tried] == list(module.RATES)
    for kept, held_out, _ in tried:
        assert len(held_out[0]) == 9
        assert not rows(kept) & rows(held_out)
        assert rows(kept) | rows(held_out) == rows(train)
