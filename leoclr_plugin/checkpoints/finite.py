"""Refuse weights that are not finite: every figure that they give would be wrong."""

from __future__ import annotations

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
