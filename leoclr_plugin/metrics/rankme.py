"""RankMe: how many directions the features of a data set fill."""

from __future__ import annotations

import torch

from leoclr_plugin.metrics.effective_rank import effective_rank


def singular_values(features: torch.Tensor) -> torch.Tensor:
    """Return the singular values ``[min(N, F)]`` of features ``[N, F]``, the largest first.

    The features are not centred, as in RankMe.
    """
    return torch.linalg.svdvals(features.double())


def rankme(features: torch.Tensor) -> float:
    """Compute the effective rank of features.

    It is equation 1 of Garrido et al., "RankMe: Assessing the downstream performance of pretrained
    self-supervised representations by their rank", ICML 2023 (arXiv:2210.02885). It falls to 1 if
    the features collapse to one direction.

    Args:
        features: ``[N, F]``, finite. The paper takes 25,600 images; the result is at most
            min(N, F), so only figures of equally many images can be compared.

    Returns:
        A number from 1 to about min(N, F); higher means that more directions are used.
    """
    return effective_rank(singular_values(features))
