"""Rows of a query image and its nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from leoclr_plugin.data.images import open_rgb

_SAME, _OTHER = "#2e8b57", "#c0392b"


def nearest(features: torch.Tensor, queries: Sequence[int], neighbours: int) -> torch.Tensor:
    """The nearest other images of each query by cosine.

    Args:
        features: ``[M, F]`` of all images.
        queries: indexes of some of them.
        neighbours: how many of each, less than M.

    Returns:
        Indexes ``[len(queries), neighbours]``, the nearest first.
    """
    unit = F.normalize(features, dim=1)
    cosines = unit[list(queries)] @ unit.T
    cosines[torch.arange(len(queries)), list(queries)] = -torch.inf
    return cosines.topk(neighbours, dim=1).indices


def neighbour_rows(
    features: torch.Tensor,
    samples: Sequence[tuple[str, int]],
    classes: Sequence[str],
    path: Path,
    neighbours: int = 8,
) -> None:
    """Draw a random image of each class with its neighbours, framed by whether the class is its.

    Args:
        features: ``[M, F]`` of all images.
        samples: pairs (path, target) of these.
        classes: names of the targets.
        path: of the PNG.
        neighbours: of each query.
    """
    from matplotlib.figure import Figure

    targets = torch.tensor([target for _, target in samples])
    generator = torch.Generator().manual_seed(0)
    queries = []
    for target in targets.unique().tolist():
        own = (targets == target).nonzero().flatten()
        queries.append(own[torch.randint(len(own), (1,), generator=generator)].item())
    found = nearest(features, queries, neighbours).tolist()

    figure = Figure(figsize=(1.1 * (neighbours + 1), 1.15 * len(queries)), layout="constrained")
    grid = figure.subplots(len(queries), neighbours + 1, squeeze=False)
    for query, row, axes in zip(queries, found, grid, strict=True):
        for index, cell in zip([query, *row], axes, strict=True):
            cell.imshow(open_rgb(samples[index][0]).resize((128, 128)))
            cell.set(xticks=[], yticks=[])
            same = targets[index] == targets[query]
            for spine in cell.spines.values():
                spine.set(color=_SAME if same else _OTHER, linewidth=0 if index == query else 3)
        axes[0].set_ylabel(classes[targets[query]], fontsize=7)
    grid[0][0].set_title("query", fontsize=8)
    for number, cell in enumerate(grid[0][1:], start=1):
        cell.set_title(str(number), fontsize=8)
    figure.savefig(path, dpi=64)
