"""Refusing weights, features and scores that are not finite: any figure of them would be wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from leoclr_plugin.errors import UserError


def check_weights(weights: Mapping[str, torch.Tensor], source: object) -> None:
    """Check a network's weights and statistics.

    Args:
        weights: tensors by name.
        source: the checkpoint they are from, for the message.

    Raises:
        UserError: naming the checkpoint and the first of them that is not finite.
    """
    bad = [
        name
        for name, value in weights.items()
        if value.is_floating_point() and not value.isfinite().all()
    ]
    if bad:
        raise UserError(
            f"{source} has {len(bad)} weights of {len(weights)} that are not finite, the first is "
            f"{bad[0]}; its training has diverged, so take an earlier checkpoint"
        )


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
