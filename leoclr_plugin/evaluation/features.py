"""Features of a data set under a trained or untrained method."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

FEATURE_TYPES = {"backbone": "feats", "projector": "z"}


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@torch.no_grad()
def extract_features(
    method: nn.Module, loader: DataLoader, feature_type: str, name: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode ``[images, targets]`` batches.

    Args:
        method: one of the host's methods; it is moved to ``device()`` and left in eval mode.
        loader: batches ``[images, targets]``.
        feature_type: ``"backbone"`` for the features, ``"projector"`` for the projections.
        name: title of the progress bar.

    Returns:
        Features ``[M, F]`` in float32 and targets ``[M]``, on the CPU.
    """
    where = device()
    method = method.to(where).eval()
    features, targets = [], []
    for images, labels in tqdm(loader, desc=name):
        out = method(images.to(where, non_blocking=True))
        features.append(out[FEATURE_TYPES[feature_type]].float().cpu())
        targets.append(labels)
    return torch.cat(features), torch.cat(targets)
