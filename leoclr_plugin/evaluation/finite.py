"""Refuse features and scores that are not finite: every figure of them would be wrong."""

from __future__ import annotations

import math

import torch

from leoclr_plugin.errors import UserError


def check_features(features: torch.Tensor, source: object) -> None:
    """Check the features ``[N, F]`` of some images, whose lengths must be finite too.

    Raises:
        UserError: naming ``source``, the checkpoint that they are from.
    """
    lengths = features.square().sum(dim=1)
    bad = int((~lengths.isfinite()).sum())
    if bad:
        raise UserError(
            f"{source} gives {bad} of {len(features)} images features that are not finite, or too "
            "large for float32; its training has diverged, so take an earlier checkpoint"
        )


def check_score(name: str, value: float, source: object) -> None:
    """Check one score of an evaluation.

    Raises:
        UserError: naming ``source``, the checkpoint that was evaluated.
    """
    if not math.isfinite(value):
        raise UserError(f"{source}: {name} is {value}, so that there is no result; lower the rate")
