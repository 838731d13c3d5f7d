"""Draw query images, each in a row with its nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image

from leoclr_plugin.plots.texts import write_names

_SAME_CLASS, _OTHER_CLASS = "#2e8b57", "#c0392b"  # colours of the frames: green and red
_MAX_QUERIES = 20  # rows that a picture has room for


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


@dataclass(frozen=True)
class Neighbours:
    """A query image and the images that are nearest to it.

    Attributes:
        title: the class that the query was drawn from.
        query: the index of the query.
        nearest: the indexes of its neighbours, the nearest first.
        shared: for each neighbour whether it shows a class of the query.
    """

    title: str
    query: int
    nearest: list[int]
    shared: list[bool]


def neighbours_of_classes(
    features: torch.Tensor, targets: torch.Tensor, classes: Sequence[str], neighbours: int = 8
) -> list[Neighbours]:
    """Find the neighbours of a random image of each class, at most of 20 classes.

    Args:
        features: features of all images, ``[M, F]``.
        targets: the class of each image ``[M]``, or its labels ``[M, C]``, which are 1 for the
            classes that it shows.
        classes: names of the classes, in the order of the targets.
        neighbours: number of neighbours of each query.
    """
    targets = targets.long()
    labels = targets if targets.dim() == 2 else F.one_hot(targets, len(classes))
    generator = torch.Generator().manual_seed(0)
    queries, titles = [], []
    shown = [number for number in range(len(classes)) if (labels[:, number] == 1).any()]
    for number in shown[:: -(-len(shown) // _MAX_QUERIES)]:
        members = (labels[:, number] == 1).nonzero().flatten()
        titles.append(classes[number])
        queries.append(members[torch.randint(len(members), (1,), generator=generator)].item())
    rows = nearest(features, queries, neighbours).tolist()
    return [
        Neighbours(
            title,
            query,
            row,
            [bool(((labels[i] == 1) & (labels[query] == 1)).any()) for i in row],
        )
        for title, query, row in zip(titles, queries, rows, strict=True)
    ]


def neighbour_rows(
    rows: Sequence[Neighbours], image: Callable[[int], Image.Image], path: Path
) -> None:
    """Draw each query with its neighbours.

    A neighbour that shows a class of the query has a green frame, and another one a red frame.

    Args:
        rows: what ``neighbours_of_classes`` returns.
        image: returns the image of an index.
        path: path of the PNG to write.
    """
    from matplotlib.figure import Figure

    columns = len(rows[0].nearest) + 1
    figure = Figure(figsize=(1.1 * columns, 1.15 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for row, axes in zip(rows, grid, strict=True):
        for index, shared, cell in zip(
            [row.query, *row.nearest], [True, *row.shared], axes, strict=True
        ):
            cell.imshow(image(index).resize((128, 128)))
            cell.set(xticks=[], yticks=[])
            colour = _SAME_CLASS if shared else _OTHER_CLASS
            for spine in cell.spines.values():
                spine.set(color=colour, linewidth=0 if cell is axes[0] else 3)
        write_names([axes[0].set_ylabel("", fontsize=7)], [row.title])
    grid[0][0].set_title("query", fontsize=8)
    for number, cell in enumerate(grid[0][1:], start=1):
        cell.set_title(str(number), fontsize=8)
    figure.savefig(path, dpi=64)
