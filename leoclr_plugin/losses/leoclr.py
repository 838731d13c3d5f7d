"""LeOCLR's loss: every crop's key is pulled to the whole image's query, never to another crop."""

from __future__ import annotations

from collections.abc import Sequence

import torch

_LOG_OF_0 = -1e30


def cosine_similarities(
    query: torch.Tensor, keys: Sequence[torch.Tensor], queue: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compare the query with its positives and with the queue's negatives.

    Args:
        query: L2-normalised projections u of the whole images, shape ``[N, D]``.
        keys: L2-normalised projections v_1 ... v_n of the crops, each ``[N, D]``. They are
            detached here: no gradient reaches the momentum branch (sg() in eq. 2).
        queue: L2-normalised negatives, one per column, shape ``[D, K]``, K >= 0. They are
            detached as well.

    Returns:
        The positives' cosines ``[N, n]`` and the negatives' cosines ``[N, K]``, both in [-1, 1].
        All n crops share the negatives, so their cosines are computed once.
    """
    positives = torch.stack([(query * key.detach()).sum(dim=1) for key in keys], dim=1)
    negatives = query @ queue.detach()
    return positives, negatives


def leoclr_loss_func(
    positives: torch.Tensor,
    negatives: torch.Tensor,
    temperature: float = 0.2,
    reduction: str = "sum",
    weights: torch.Tensor | None = None,
    paces: torch.Tensor | None = None,
    explicit: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """LeOCLR's loss of a batch (arXiv:2403.06813, eq. 1 and 2).

    The loss of one crop is the InfoNCE of its positive against the queue::

        l(u, v+) = -log( exp(u.v+/t) / (exp(u.v+/t) + sum_n exp(u.v_n/t)) )

    The loss of an image is the sum over its crops (eq. 2), and that of the batch is the mean over
    its images. Without negatives it is 0.

    The last three arguments are not of the paper. They weight the terms of pairs, the negatives of
    the queue, and add a negative z of the image's own::

        l(u, v+) = -w log( exp(u.v+/t) / (exp(u.v+/t) + sum_n p_n exp(u.v_n/t) + W exp(u.z/t)) )

    Args:
        positives: cosines of each query with its n crops' keys, shape ``[N, n]``, n >= 1.
        negatives: cosines of each query with the K keys of the queue, shape ``[N, K]``,
            K >= 0.
        temperature: t > 0; the paper follows MoCo-v2's recipe, where it is 0.2.
        reduction: ``"sum"`` over the crops as in eq. 2, or ``"mean"``.
        weights: the weight w >= 0 of each term ``[N, n]``; None for 1. They do not change by what a
            mean divides.
        paces: the weight p >= 0 of each negative of the queue ``[N, K]``, at least one of each row
            above 0; None for 1.
        explicit: the cosine of each query with a negative of its image alone ``[N]``, and that
            negative's weight W >= 0 ``[N]``, where 0 removes it; None without such negatives.

    Returns:
        The loss, a scalar in float32, or in float64 if the cosines are.

    Raises:
        ValueError: if the temperature is not positive or the reduction is unknown.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction must be 'sum' or 'mean', not {reduction!r}")
    # Under autocast the cosines are in half precision, which is too coarse for a sum over the
    # queue.
    dtype = torch.promote_types(positives.dtype, torch.float32)
    positives, negatives = positives.to(dtype) / temperature, negatives.to(dtype) / temperature
    # All crops share the negatives' part of the denominator, so it is summed over the queue once.
    if paces is not None:
        negatives = negatives + paces.to(dtype).log()
    negative_part = torch.logsumexp(negatives, dim=1, keepdim=True)
    if explicit is not None:
        cosines, own_weights = (part.to(dtype)[:, None] for part in explicit)
        # The logarithm of the weight 0 is cut off at a number that the exponential turns into 0,
        # because two infinite numbers would have no gradient.
        own_part = cosines / temperature + own_weights.log().clamp_min(_LOG_OF_0)
        negative_part = torch.logaddexp(negative_part, own_part)
    per_crop = torch.logaddexp(positives, negative_part) - positives
    if weights is not None:
        per_crop = weights.to(dtype) * per_crop
    per_image = per_crop.sum(dim=1) if reduction == "sum" else per_crop.mean(dim=1)
    return per_image.mean()
