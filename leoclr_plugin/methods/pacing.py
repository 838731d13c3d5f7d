"""The self-paced weights of a method's negatives at its present step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule

from leoclr_plugin.losses.self_paced import age_at, self_paced_weights


def paces_of(
    method: LightningModule, settings: Mapping[str, Any] | None, negatives: torch.Tensor
) -> torch.Tensor | None:
    """Return the weight of each negative of the queue, or None if there are no settings.

    The age depends on the step alone, so a resumed run goes on with it.

    Args:
        method: the method that is trained.
        settings: the keys of ``config.leoclr.SelfPaced``.
        negatives: cosines of the queries with the queue's keys, ``[N, K]``.
    """
    if settings is None:
        return None
    step = method.global_step
    done = step / method.trainer.estimated_stepping_batches if step else 0.0
    age = age_at(done, settings["age"], settings.get("final_age"), settings["until"])
    return self_paced_weights(negatives, age)


def mean_pace(paces: torch.Tensor) -> torch.Tensor:
    """Return the mean weight, for the log; it is 1 without negatives."""
    return paces.mean() if paces.numel() else paces.new_ones(())
