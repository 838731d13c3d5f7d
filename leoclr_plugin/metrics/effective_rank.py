"""The effective rank that RankMe and LiDAR compute from different spectra."""

from __future__ import annotations

import torch

# RankMe's number for float32. It keeps the logarithm of an empty direction finite.
_EPSILON = 1e-7
# Features are computed in float32. Differences below this share of their length are rounding.
_ROUNDING = 100 * torch.finfo(torch.float32).eps


def effective_rank(spectrum: torch.Tensor) -> float:
    """Compute the exponential of a spectrum's entropy.

    With p_k = s_k / sum(s) + 1e-7 it is exp(-sum_k p_k log p_k): equation 1 of Garrido et al.,
    "RankMe", ICML 2023 (arXiv:2210.02885), after Roy and Vetterli, "The effective rank", 2007.

    Args:
        spectrum: singular values or eigenvalues ``[K]``, at least 0.

    Returns:
        About 1 if one value is above 0 or none is, and about K if all are equal.
    """
    spectrum = spectrum.double()
    shares = spectrum / spectrum.sum().clamp_min(torch.finfo(torch.double).tiny) + _EPSILON
    return float((-shares * shares.log()).sum().exp())


def rounding_variance(features: torch.Tensor) -> float:
    """Return the variance below which differences between features are rounding of float32.

    Args:
        features: ``[..., F]``.
    """
    return float(_ROUNDING**2 * features.double().square().sum(dim=-1).mean())
