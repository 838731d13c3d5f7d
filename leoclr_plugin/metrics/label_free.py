"""All measures of features that need no labels."""

from __future__ import annotations

import torch

from leoclr_plugin.metrics.alignment import alignment
from leoclr_plugin.metrics.alpha_req import alpha_req
from leoclr_plugin.metrics.lidar import lidar
from leoclr_plugin.metrics.rankme import rankme
from leoclr_plugin.metrics.uniformity import uniformity

# What each measure does if a network collapses. Alignment falls as well, but a lower alignment is
# also what a good network has.
ON_COLLAPSE = {
    "rankme": "falls",
    "lidar": "falls",
    "alpha_req": "rises",
    "uniformity": "rises",
    "alignment": "falls",
}

# The title of each measure, and its digits after the point.
COLUMNS = {
    "rankme": ("RankMe", 1),
    "lidar": ("LiDAR", 1),
    "alpha_req": ("alpha-ReQ", 2),
    "uniformity": ("uniformity", 2),
    "alignment": ("alignment", 3),
}


def label_free_measures(features: torch.Tensor, views: torch.Tensor) -> dict[str, float]:
    """Compute all measures of a network by the names in ``ON_COLLAPSE``.

    Args:
        features: ``[N, F]`` of N images without augmentation, finite.
        views: ``[N, V, F]`` of V augmented views of each of the images, finite.
    """
    return {
        "rankme": rankme(features),
        "lidar": lidar(views),
        "alpha_req": alpha_req(features),
        "uniformity": uniformity(features),
        "alignment": alignment(views),
    }
