"""A small artificial task: grey images with stripes, whose class is the direction of the stripes.

Brightness, contrast, width and phase are random. The features of an untrained network mostly depend
on the brightness, which has no relation to the class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig
from PIL import Image
from torch import nn

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.host import host
from tests.configs import method_cfg, pipeline

CLASSES, SIZE, EPOCHS = 6, 32, 25


def tiny_backbone(method: str, **kwargs) -> nn.Module:
    layers = []
    for channels, wider in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(channels, wider, 3, 2, 1), nn.BatchNorm2d(wider), nn.ReLU()]
    # Batch norm centres the features. Without it all images have almost the same direction in
    # feature space at first, and the loss could not distinguish them.
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(64)]
    backbone = nn.Sequential(*layers, *head)
    backbone.num_features = 64
    return backbone


def stripes(seed: int, label: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    angle = label * np.pi / CLASSES
    wave = (np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(0.7, 1.1)
    stripe = np.sin(wave + rng.uniform(0, 2 * np.pi))[..., None]
    pixels = rng.uniform(75, 180) + stripe * rng.uniform(20, 55)
    pixels = pixels + rng.normal(0, 15, (SIZE, SIZE, 1)).repeat(3, axis=2)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture
def task(tmp_path, monkeypatch) -> Path:
    """A folder with the images. The host has the backbone ``tiny``."""
    monkeypatch.setitem(host().BaseMethod._BACKBONES, "tiny", tiny_backbone)
    for split, per_class, seed in (("train", 40, 0), ("val", 30, 100_000)):
        for label in range(CLASSES):
            folder = tmp_path / split / str(label)
            folder.mkdir(parents=True)
            for i in range(per_class):
                stripes(seed + 1000 * label + i, label).save(folder / f"{i}.png")
    return tmp_path


def config(task: Path, jitter: float = 1.0, max_epochs: int = EPOCHS, **changes) -> DictConfig:
    """Return the configuration of a training whose views are jittered with this probability."""
    nodes = [
        pipeline(SIZE, 2, color_jitter=jitter),
        pipeline([SIZE, SIZE], crop=False, color_jitter=jitter),
    ]
    return method_cfg(
        data__dataset="custom",
        data__train_path=str(task / "train"),
        data__val_path=str(task / "val"),
        augmentations=nodes,
        backbone__name="tiny",
        method_kwargs__queue_size=96,
        method_kwargs__proj_hidden_dim=64,
        momentum__base_tau=0.9,
        momentum__final_tau=0.99,
        optimizer__batch_size=48,
        optimizer__lr=0.3,
        scheduler={"name": "warmup_cosine", "warmup_epochs": 2},
        max_epochs=max_epochs,
        checkpoint={"enabled": True, "dir": str(task / "models"), "frequency": max_epochs},
        num_sanity_val_steps=0,
        check_val_every_n_epoch=max_epochs,
        enable_progress_bar=False,
        **changes,
    )


def knn_top1(method: nn.Module, cfg: DictConfig) -> float:
    features = train_and_val_features(method, evaluation_cfg(cfg), input_size(cfg))
    return knn(*features, k=5)["top1"]
