"""Uniformity: how evenly the features of different images lie on the unit sphere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

_T = 2.0


def uniformity(features: torch.Tensor) -> float:
    """Compute the logarithm of the mean Gaussian potential between images on the unit sphere.

    It is the loss L_uniform with t = 2 of Wang and Isola, "Understanding contrastive
    representation learning through alignment and uniformity on the hypersphere", ICML 2020
    (arXiv:2005.10242): log mean exp(-2 |x - y|^2) over all pairs of different images.

    Args:
        features: ``[N, F]`` of N images, N at least 2, finite.

    Returns:
        A number in [-8, 0]; lower means more even. It rises to 0 if all images get the same
        features.
    """
    distances = torch.pdist(F.normalize(features.double(), dim=1)).square()
    return float(torch.logsumexp(-_T * distances, dim=0)) - math.log(len(distances))
