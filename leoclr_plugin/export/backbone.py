"""Read the backbone's weights from a run's checkpoint."""

from __future__ import annotations

import torch

from leoclr_plugin.evaluation.checkpoint import CheckpointFolder, read_checkpoint

_PREFIX = "backbone."


def backbone_state(source: CheckpointFolder) -> dict[str, torch.Tensor]:
    """Return the weights of the query encoder's backbone, as its own library names them.

    Raises:
        UserError: when the checkpoint cannot be read, or can only be read by running code in it.
    """
    state = read_checkpoint(source.checkpoint)["state_dict"]
    return {k.removeprefix(_PREFIX): v for k, v in state.items() if k.startswith(_PREFIX)}
