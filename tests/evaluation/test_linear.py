import os
import signal

import pytest
import torch
from torch import nn

from leoclr_plugin.data.loaders import linear_train_loader, val_loader
from leoclr_plugin.evaluation.linear import linear, linear_on_features, parse_linear
from tests.host.probe import linear_cfg

SIZE = (32, 32)


def test_linear_probe_finds_linearly_separable_classes(tmp_path):
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(10).repeat(12)
    features = torch.eye(10)[targets] + 0.05 * torch.randn(120, 10, generator=generator)
    cfg = linear_cfg(max_epochs=20, optimizer__lr=30.0, checkpoint={"dir": str(tmp_path)})
    cfg.enable_progress_bar = False
    result = linear_on_features(parse_linear(cfg), (features, targets), (features, targets))
    assert result["top1"] > 95
    assert result["top5"] == 100
    assert result["epochs"] == 20


class Thumbnails(nn.Module):
    """A backbone without weights that sends SIGTERM after the batch with the number ``last``."""

    def __init__(self, last: int | None = None) -> None:
        super().__init__()
        self.num_features, self.last, self.batches = 12, last, 0

    def forward(self, images):
        if torch.is_grad_enabled() or self.training:
            raise AssertionError("the backbone is frozen")
        self.batches += 1
        if self.batches == self.last:
            os.kill(os.getpid(), signal.SIGTERM)
        return nn.functional.avg_pool2d(images, 16).flatten(1)


def probe(image_folder, root, last=None, **changes):
    """Train a probe for three epochs of five steps."""
    cfg = linear_cfg(
        max_epochs=3,
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
        checkpoint={"enabled": True, "dir": str(root)},
        auto_resume={"enabled": True},
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        **changes,
    )
    cfg = parse_linear(cfg)
    loaders = linear_train_loader(cfg, SIZE), val_loader(cfg, SIZE)
    return linear(Thumbnails(last), cfg, *loaders)


def test_an_interrupted_probe_ends_as_the_uninterrupted_one(image_folder, tmp_path, capsys):
    expected = probe(image_folder, tmp_path / "whole")
    # An epoch has five batches of training and three of validation, so the tenth batch is the
    # second training batch of the second epoch.
    with pytest.raises(SystemExit, match="143"):
        probe(image_folder, tmp_path / "parts", last=10)
    assert "after step 7" in capsys.readouterr().err
    assert probe(image_folder, tmp_path / "parts") == expected
    assert "Resuming from" in capsys.readouterr().out

    # A complete probe is validated in three batches and not trained again.
    assert probe(image_folder, tmp_path / "parts", last=4) == expected
    assert "is complete, with all of its max_epochs=3" in capsys.readouterr().out


def test_a_probe_with_another_seed_is_not_resumed(image_folder, tmp_path, capsys):
    probe(image_folder, tmp_path)
    probe(image_folder, tmp_path, seed=6)
    assert "because these settings differ: seed;" in capsys.readouterr().out
