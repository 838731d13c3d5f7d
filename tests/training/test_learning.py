"""LeOCLR learns: on a small artificial task the loss falls and the accuracy of kNN rises.

The images are grey with stripes, and the class is the direction of the stripes. Brightness,
contrast, width and phase are random. The features of an untrained network mostly depend on the
brightness, which has no relation to the class. Colour jitter changes the brightness, so training
must learn other features to recognise an image.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import train_and_val_features
from leoclr_plugin.evaluation.knn import knn
from leoclr_plugin.host import host
from leoclr_plugin.report.curves import read_metric
from leoclr_plugin.training.pretrain import build_method, prepare, pretrain
from tests.configs import method_cfg, pipeline

_CLASSES, _SIZE, _EPOCHS = 6, 32, 25


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
    y, x = np.mgrid[:_SIZE, :_SIZE]
    angle = label * np.pi / _CLASSES
    wave = (np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(0.7, 1.1)
    stripe = np.sin(wave + rng.uniform(0, 2 * np.pi))[..., None]
    pixels = rng.uniform(75, 180) + stripe * rng.uniform(20, 55)
    pixels = pixels + rng.normal(0, 15, (_SIZE, _SIZE, 1)).repeat(3, axis=2)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture
def task(tmp_path):
    for split, per_class, seed in (("train", 40, 0), ("val", 30, 100_000)):
        for label in range(_CLASSES):
            folder = tmp_path / split / str(label)
            folder.mkdir(parents=True)
            for i in range(per_class):
                stripes(seed + 1000 * label + i, label).save(folder / f"{i}.png")
    return tmp_path


def config(task, **changes):
    cfg = method_cfg(
        data__dataset="custom",
        data__train_path=str(task / "train"),
        data__val_path=str(task / "val"),
        backbone__name="tiny",
        method_kwargs__queue_size=96,
        method_kwargs__proj_hidden_dim=64,
        momentum__base_tau=0.9,
        momentum__final_tau=0.99,
        optimizer__batch_size=48,
        optimizer__lr=0.3,
        scheduler={"name": "warmup_cosine", "warmup_epochs": 2},
        max_epochs=_EPOCHS,
        checkpoint={"enabled": True, "dir": str(task / "models"), "frequency": _EPOCHS},
        num_sanity_val_steps=0,
        check_val_every_n_epoch=_EPOCHS,
        enable_progress_bar=False,
        **changes,
    )
    probs = {"color_jitter": 1.0}
    cfg.augmentations = [
        pipeline(_SIZE, 2, **probs),
        pipeline([_SIZE, _SIZE], crop=False, **probs),
    ]
    return cfg


def knn_top1(method, cfg) -> float:
    features = train_and_val_features(method, evaluation_cfg(cfg), input_size(cfg))
    return knn(*features, k=5)["top1"]


def test_training_lowers_the_loss_and_raises_knn_accuracy(task, monkeypatch):
    monkeypatch.setitem(host().BaseMethod._BACKBONES, "tiny", tiny_backbone)
    cfg = prepare(config(task))
    torch.manual_seed(0)
    untrained = knn_top1(build_method(cfg), cfg)

    folder = pretrain(config(task))
    trained = knn_top1(CheckpointFolder.open(folder).load_method(), cfg)
    losses = [value for _, value in read_metric(folder / "metrics.csv", "train_nce_loss_epoch")]
    # Compare with the fourth epoch: at first some of the negatives are the random vectors that
    # the queue starts with.
    assert losses[-1] < losses[3] - 1
    assert trained > untrained + 15
    assert trained > 90
