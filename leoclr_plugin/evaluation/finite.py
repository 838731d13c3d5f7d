"""Checks that refuse features and scores that are not finite.

Any figure that is measured with such values would be wrong.
"""

from __future__ import annotations

import math

import torch

from leoclr_plugin.errors import UserError


def check_features(features: torch.Tensor, source: object) -> None:
    """Check that the features ``[N, F]`` of some images and their lengths are finite.

    Raises:
        UserError: if they are not; it names ``source``, the checkpoint that made the features.
    """
    lengths = features.square().sum(dim=1)
    bad = int((~lengths.isfinite()).sum())
    if bad:
        raise UserError(
            f"{source} gives {bad} of {len(features)} images features that are not finite or are "
            "too large for float32; its training has diverged, so take an earlier checkpoint"
        )


def check_score(name: str, value: float, source: object) -> None:
    """Check that a score of an evaluation is finite.

    Raises:
        UserError: if it is not; it names ``source``, the checkpoint that was evaluated.
    """
    if not math.isfinite(value):
        raise UserError(
            f"{source}: {name} is {value}, so there is no result; lower the learning rate"
        )
