"""Read the backbone's weights from a run's checkpoint."""

from __future__ import annotations

import torch

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.checkpoints.reading import CheckpointFolder, read_checkpoint

_PREFIX = "backbone."


def backbone_state(source: CheckpointFolder) -> dict[str, torch.Tensor]:
    """Return the weights of the query encoder's backbone, as its own library names them.

    Raises:
        UserError: when the checkpoint cannot be read, can only be read by running code in it, or
            has weights that are not finite.
    """
    state = read_checkpoint(source.checkpoint)["state_dict"]
    weights = {k.removeprefix(_PREFIX): v for k, v in state.items() if k.startswith(_PREFIX)}
    check_weights(weights, source.checkpoint)
    return weights
