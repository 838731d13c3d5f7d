"""Self-paced weights of negatives: those that are easy to tell from the query count first."""

from __future__ import annotations

import math

import torch

_SMALLEST_SPREAD = 1e-6


@torch.no_grad()
def self_paced_weights(cosines: torch.Tensor, age: float) -> torch.Tensor:
    """Return the linear soft weights of self-paced learning for the negatives of each query::

        p_n = max(0, 1 - l_n / age),    l_n = (c_n - min c) / (max c - min c)

    Self-paced learning (Kumar, Packer and Koller, 2010) gives a weight to each sample by its loss
    and by an age that grows during the training, so that easy samples count first. The linear soft
    weights are those of Jiang et al., "Easy Samples First", 2014. That the samples are negatives,
    and that a negative's loss is its similarity to the query, is ours. The similarity is scaled by
    the range that it has among the query's negatives, because the cosines of an untrained network
    lie close together, and their own scale would call all negatives hard.

    Args:
        cosines: c, the cosines of each query with its K negatives, ``[N, K]``, K >= 0.
        age: above 0. At 1 the hardest negative has the weight 0, below 1 a part of them has, and
            ``math.inf`` gives all the weight 1, which is the ordinary InfoNCE.

    Returns:
        The weights ``[N, K]`` in [0, 1], at least in float32 and without a graph. The easiest
        negative of each query has the weight 1.
    """
    cosines = cosines.to(torch.promote_types(cosines.dtype, torch.float32))
    if not cosines.shape[1]:
        return torch.ones_like(cosines)
    low, high = cosines.aminmax(dim=1, keepdim=True)
    hardness = (cosines - low) / (high - low).clamp_min(_SMALLEST_SPREAD)
    return (1 - hardness / age).clamp_min(0)


def age_at(progress: float, age: float, final_age: float | None, until: float) -> float:
    """Return the age of self-paced weights at a time of the training.

    Its reciprocal falls linearly, so that the age can become infinite.

    Args:
        progress: the part of the training that is done, in [0, 1].
        age: the age at the start, above 0.
        final_age: the age from ``until`` on, at least ``age``; None for infinite.
        until: the part of the training, in [0, 1], in which the age grows.
    """
    done = min(1.0, progress / until) if until else 1.0
    last = 0.0 if final_age is None else 1 / final_age
    pace = (1 - done) / age + done * last
    return 1 / pace if pace else math.inf
