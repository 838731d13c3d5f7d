"""Draw query images, each in a row with its nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from leoclr_plugin.data.images import open_rgb

_SAME_CLASS, _OTHER_CLASS = "#2e8b57", "#c0392b"  # colours of the frames: green and red


def nearest(features: torch.Tensor, queries: Sequence[int], neighbours: int) -> torch.Tensor:
    """Find the images that are nearest to each query by cosine similarity.

    Args:
        features: features of all images, ``[M, F]``.
        queries: indexes of the query images.
        neighbours: number of neighbours of each query, less than M.

    Returns:
        Indexes ``[len(queries), neighbours]``, the nearest first. A query is not its own
        neighbour.
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
    """Draw a random image of each class with its neighbours.

    A neighbour that shows a class of the query has a green frame, and another one a red frame.

    Args:
        features: features of all images, ``[M, F]``.
        samples: pairs (path, target) of all images. A target is the image's class, or its labels
            ``[C]``, which are 1 for the classes that it shows.
        classes: names of the classes, in the order of the targets.
        path: path of the PNG to write.
        neighbours: number of neighbours of each query.
    """
    from matplotlib.figure import Figure

    targets = torch.from_numpy(np.array([target for _, target in samples])).long()
    labels = targets if targets.dim() == 2 else F.one_hot(targets, len(classes))
    generator = torch.Generator().manual_seed(0)
    queries, titles = [], []
    for name, shows in zip(classes, (labels == 1).T, strict=True):
        members = shows.nonzero().flatten()
        if not len(members):
            continue
        titles.append(name)
        queries.append(members[torch.randint(len(members), (1,), generator=generator)].item())
    rows = nearest(features, queries, neighbours).tolist()

    figure = Figure(figsize=(1.1 * (neighbours + 1), 1.15 * len(queries)), layout="constrained")
    grid = figure.subplots(len(queries), neighbours + 1, squeeze=False)
    for title, query, row, axes in zip(titles, queries, rows, grid, strict=True):
        for index, cell in zip([query, *row], axes, strict=True):
            cell.imshow(open_rgb(samples[index][0]).resize((128, 128)))
            cell.set(xticks=[], yticks=[])
            shared = ((labels[index] == 1) & (labels[query] == 1)).any()
            colour = _SAME_CLASS if shared else _OTHER_CLASS
            for spine in cell.spines.values():
                spine.set(color=colour, linewidth=0 if index == query else 3)
        axes[0].set_ylabel(title, fontsize=7)
    grid[0][0].set_title("query", fontsize=8)
    for number, cell in enumerate(grid[0][1:], start=1):
        cell.set_title(str(number), fontsize=8)
    figure.savefig(path, dpi=64)
