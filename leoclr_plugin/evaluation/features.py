"""Extract the features that a method gives the images of a data set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from leoclr_plugin.data.loaders import plain_train_loader, val_loader
from leoclr_plugin.evaluation.bank import FeatureBank
from leoclr_plugin.evaluation.finite import check_features
from leoclr_plugin.terminal import printable

FEATURE_TYPES = {"backbone": "feats", "projector": "z"}
# Features [M, F], in float32 or mapped from a file in float16, and targets [M].
Features = tuple[torch.Tensor, torch.Tensor]


def device() -> torch.device:
    """Return the GPU if there is one, and the CPU otherwise."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@torch.no_grad()
def extract_features(
    method: nn.Module,
    loader: DataLoader,
    feature_types: Sequence[str],
    name: str,
    source: object = "the network",
) -> list[Features]:
    """Encode all images of a loader.

    Args:
        method: one of the host's methods; it is moved to ``device()`` and left in evaluation mode.
        loader: gives batches ``[images, targets]``.
        feature_types: ``"backbone"`` for the features, ``"projector"`` for the projections.
        name: the title of the progress bar.
        source: the checkpoint of the method, for error messages.

    Returns:
        For each type the features ``[M, F]`` in float32 and the targets ``[M]``, on the CPU.
        Features of more than 1 GiB are in a file, in float16; see ``FeatureBank``.

    Raises:
        UserError: if features are not finite, or an image cannot be read.
    """
    target_device = device()
    method = method.to(target_device).eval()
    banks, targets = [FeatureBank() for _ in feature_types], []
    for images, labels in tqdm(loader, desc=printable(name)):
        out = method(images.to(target_device, non_blocking=True))
        for kind, bank in zip(feature_types, banks, strict=True):
            features = out[FEATURE_TYPES[kind]].float().cpu()
            check_features(features, source)
            bank.add(features, source)
        targets.append(labels)
    return [(bank.features(), torch.cat(targets)) for bank in banks]


def train_and_val_features(
    method: nn.Module, cfg: DictConfig, size: tuple[int, int], source: object = "the network"
) -> tuple[Features, Features]:
    """Return the backbone's features of the training and validation images; see ``features_of``."""
    (both,) = features_of(method, cfg, size, ["backbone"], source)
    return both


def features_of(
    method: nn.Module,
    cfg: DictConfig,
    size: tuple[int, int],
    feature_types: Sequence[str],
    source: object = "the network",
) -> list[tuple[Features, Features]]:
    """Encode the training and validation images of ``cfg.data``, without augmentation.

    Args:
        method: one of the host's methods.
        cfg: a configuration with the nodes ``data`` and ``optimizer.batch_size``.
        size: the height and width of the images in pixels.
        feature_types: ``"backbone"``, ``"projector"``, or both.
        source: see ``extract_features``.

    Returns:
        For each type the features of the training images and those of the validation images.

    Raises:
        UserError: see ``extract_features``.
    """
    train, val = plain_train_loader(cfg, size), val_loader(cfg, size)
    bank = extract_features(method, train, feature_types, "Training images", source)
    test = extract_features(method, val, feature_types, "Validation images", source)
    return list(zip(bank, test, strict=True))
