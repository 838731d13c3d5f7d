"""Label-free measures of a checkpoint: RankMe, LiDAR, alpha-ReQ, uniformity and alignment."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from omegaconf import DictConfig
from torch import nn
from tqdm import tqdm

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.features import FEATURE_TYPES, device
from leoclr_plugin.evaluation.finite import check_features
from leoclr_plugin.metrics.label_free import label_free_measures
from leoclr_plugin.metrics.rankme import singular_values
from leoclr_plugin.terminal import printable
from leoclr_plugin.training.measures import encode_sample, measure_loader, tell_too_few


@dataclass(frozen=True)
class Sample:
    """Which images a network is measured on.

    Attributes:
        data: the ``data`` node of the images.
        images: the number of images; all are taken if there are fewer.
        views: the number of augmented views of each image.
        seed: the seed of the choice of the images and of their crops.
    """

    data: DictConfig
    images: int
    views: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        values: the measures by the names of ``metrics.label_free.ON_COLLAPSE``.
        spectrum: the singular values of the features without augmentation, the largest first.
        images: the number of images.
    """

    values: dict[str, float]
    spectrum: torch.Tensor
    images: int


def measure(
    method: nn.Module,
    cfg: DictConfig,
    sample: Sample,
    feature_type: str = "backbone",
    source: object = "the network",
) -> Measured:
    """Measure a network on a fixed sample of images.

    Args:
        method: one of the host's methods; it is moved to the GPU if there is one and left in
            evaluation mode.
        cfg: the configuration of its pretraining, which gives the views.
        sample: the images.
        feature_type: ``"backbone"`` or ``"projector"``.
        source: the checkpoint of the method, for messages.

    Raises:
        UserError: if the method has no projector, features are not finite, or an image cannot be
            read.
    """
    loader = measure_loader(cfg, sample.data, sample.images, sample.views, sample.seed)
    target, key = device(), FEATURE_TYPES[feature_type]
    method = method.to(target).eval()

    def encode(images: torch.Tensor) -> torch.Tensor:
        out = method(images.to(target))
        if key not in out:
            raise UserError(f"{source} has no projector; use --feature_type backbone")
        check_features(out[key].float(), source)
        return out[key].cpu()

    features, views = encode_sample(encode, tqdm(loader, desc=printable(source)))
    tell_too_few(len(features), sample.views, features.shape[1], "raise --images")
    return Measured(label_free_measures(features, views), singular_values(features), len(features))
