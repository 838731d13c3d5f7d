"""Alignment: how near the views of one image are to one another."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def alignment(views: torch.Tensor) -> float:
    """Compute the mean squared distance between two views of one image on the unit sphere.

    It is the loss L_align with the exponent 2 of Wang and Isola, "Understanding contrastive
    representation learning through alignment and uniformity on the hypersphere", ICML 2020
    (arXiv:2005.10242). It also falls to 0 if all images get the same features, so it says nothing
    without ``uniformity``.

    Args:
        views: features ``[N, V, F]`` of V views of each image, V at least 2, finite.

    Returns:
        A number in [0, 4], the mean over all images and pairs of their views; lower means that the
        features depend less on the augmentation.
    """
    unit = F.normalize(views.double(), dim=-1)
    count = views.shape[1]
    # The mean over the pairs follows from the variance of an image's views around their mean.
    variance = (unit - unit.mean(dim=1, keepdim=True)).square().sum(dim=-1).mean()
    return float(2 * variance * count / (count - 1))
