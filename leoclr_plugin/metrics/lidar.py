"""LiDAR: in how many directions images differ more than their own views do."""

from __future__ import annotations

import torch

from leoclr_plugin.metrics.effective_rank import effective_rank, rounding_variance

_DELTA = 1e-4


def lidar(views: torch.Tensor) -> float:
    """Compute the effective rank of the linear discriminant analysis of images by their views.

    Thilak et al., "LiDAR: Sensing linear probing performance in joint embedding SSL
    architectures", ICLR 2024 (arXiv:2312.04000), section 3, equations 1 to 4. The views of one
    image are a class. The covariance B between the classes' means and the mean covariance W within
    a class, plus 1e-4 on its diagonal, give the eigenvalues of W^-1/2 B W^-1/2; LiDAR is their
    effective rank. It falls if fewer directions tell the images apart, and is 1 if none does.

    Args:
        views: features ``[N, V, F]`` of V views of each image, V at least 2, finite. W has full
            rank from N (V - 1) = F on; with fewer the 1e-4 takes the place of what is missing.

    Returns:
        A number from 1 to about min(N - 1, F); higher means that more directions tell images apart.
    """
    count, per_image, length = views.shape
    views = views.double()
    means = views.mean(dim=1)
    within = (views - means[:, None]).flatten(0, 1)
    within = within.T @ within / (count * (per_image - 1))
    between = (means - means.mean(dim=0)) / (count - 1) ** 0.5
    if between.square().sum() <= rounding_variance(views):
        return 1.0
    # W = L L^T, and L^-1 B L^-T has the same eigenvalues as W^-1/2 B W^-1/2. They are the squares
    # of the singular values of L^-1 times the root of B.
    factor = torch.linalg.cholesky(within + _DELTA * torch.eye(length, dtype=within.dtype))
    whitened = torch.linalg.solve_triangular(factor, between.T, upper=False)
    return effective_rank(torch.linalg.svdvals(whitened).square())
