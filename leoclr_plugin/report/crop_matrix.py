"""How alike two crops of an image are to a network, and how alike crops of different images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F


def crop_cosines(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Compare one crop of each image with another crop of every image.

    The mean of all features is taken away first: what all images have in common tells no two of
    them apart.

    Args:
        first: ``[N, F]``, features of a crop of each image.
        second: ``[N, F]``, those of another crop of the same images.

    Returns:
        Cosines ``[N, N]``; on the diagonal are the two crops of one image.
    """
    mean = torch.cat([first, second]).mean(dim=0)
    return F.normalize(first - mean, dim=1) @ F.normalize(second - mean, dim=1).T


def crop_matrices(cosines: Mapping[str, torch.Tensor], classes: Sequence[str], path: Path) -> None:
    """Draw the matrix of each network side by side.

    Args:
        cosines: by the name of the network, as ``crop_cosines`` returns them, with the images of
            a class next to each other and as many of each class.
        classes: names of the classes, in the order of the images.
        path: of the PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1 + 5 * len(cosines), 5), layout="constrained")
    row = figure.subplots(1, len(cosines), squeeze=False)[0]
    for axes, (name, matrix) in zip(row, cosines.items(), strict=True):
        heat = axes.imshow(matrix, cmap="coolwarm", vmin=-1, vmax=1)
        share = len(matrix) / len(classes)
        middles = [share * (place + 0.5) - 0.5 for place in range(len(classes))]
        axes.set(title=name, xticks=[], yticks=[], xlabel="second crop")
        axes.set_yticks(middles, classes if axes is row[0] else [""] * len(classes))
    row[0].set_ylabel("first crop")
    figure.colorbar(heat, ax=row, shrink=0.8, label="cosine")
    figure.savefig(path, dpi=80)
