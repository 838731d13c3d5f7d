"""The backbone of a run's checkpoint: what every other program wants of it."""

from __future__ import annotations

import torch

from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, read_checkpoint
from leoclr_plugin.evaluation.finite import check_weights

_PREFIX = "backbone."


def backbone_state(source: CheckpointFolder) -> dict[str, torch.Tensor]:
    """The weights of the query encoder's backbone, under its own library's names.

    Raises:
        UserError: where the checkpoint cannot be read, needs code to be run, or has weights that
            are not finite.
    """
    state = read_checkpoint(source.checkpoint)["state_dict"]
    weights = {k.removeprefix(_PREFIX): v for k, v in state.items() if k.startswith(_PREFIX)}
    check_weights(weights, source.checkpoint)
    return weights
