"""How alike crops of one image, of one class and of different classes are to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from leoclr_plugin.plots.texts import LITERAL, write_names
from leoclr_plugin.terminal import printable


@dataclass(frozen=True)
class CropSimilarity:
    """Mean cosines of two crops.

    Attributes:
        same_image: of two crops of one image.
        same_class: of crops of two images of one class.
        other_class: of crops of two images of different classes.
        matrix: ``[C, C]``, by the class of the first crop (row) and of the second (column); two
            crops of one image are left out.
    """

    same_image: float
    same_class: float
    other_class: float
    matrix: torch.Tensor


def crop_similarity(
    first: torch.Tensor, second: torch.Tensor, targets: torch.Tensor
) -> CropSimilarity:
    """Compare one crop of each image with another crop of every image.

    The mean of all features is taken away first: what all images have in common tells no two of
    them apart.

    Args:
        first: ``[N, F]``, features of a crop of each image.
        second: ``[N, F]``, those of another crop of the same images.
        targets: ``[N]``, classes 0 to C - 1 of these images, at least two images of each class.
    """
    mean = torch.cat([first, second]).mean(dim=0)
    cosines = F.normalize(first - mean, dim=1) @ F.normalize(second - mean, dim=1).T
    same_image = torch.eye(len(targets), dtype=torch.bool)
    same_class = targets[:, None] == targets[None]

    of_class = F.one_hot(targets).to(cosines.dtype)
    others = (~same_image).to(cosines.dtype)
    pairs = of_class.T @ others @ of_class
    return CropSimilarity(
        cosines[same_image].mean().item(),
        cosines[same_class & ~same_image].mean().item(),
        cosines[~same_class].mean().item(),
        of_class.T @ (cosines * others) @ of_class / pairs,
    )


def crop_matrices(
    similarities: Mapping[str, CropSimilarity], classes: Sequence[str], path: Path
) -> None:
    """Draw the matrix of each network side by side.

    Args:
        similarities: by the name of the network.
        classes: names of the classes.
        path: of the PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 + 4 * len(similarities), 4.5), layout="constrained")
    row = figure.subplots(1, len(similarities), squeeze=False)[0]
    places, names = range(len(classes)), [printable(name) for name in classes]
    for axes, (name, similarity) in zip(row, similarities.items(), strict=True):
        heat = axes.imshow(similarity.matrix, cmap="coolwarm", vmin=-1, vmax=1)
        write_names([axes.set_title("")], [name])
        axes.set_xticks(places, names, rotation=90, **LITERAL)
        axes.set_yticks(places, names if axes is row[0] else [""] * len(names), **LITERAL)
    figure.colorbar(heat, ax=row, shrink=0.8, label="mean cosine")
    figure.savefig(path, dpi=80)
