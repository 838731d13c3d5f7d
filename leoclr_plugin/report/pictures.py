"""Draw what a network has learned: a UMAP, nearest neighbours, and similarity maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from leoclr_plugin.errors import UserError
from leoclr_plugin.plots.scatter import umap_scatter
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.neighbours import Neighbours, neighbour_rows, neighbours_of_classes
from leoclr_plugin.report.similarity import Encode, similarity_rows
from leoclr_plugin.system.files import whole_file

KINDS = {
    "umap": (
        "UMAP of the images",
        "Each point is an image. Images with similar features are near one another.",
    ),
    "neighbours": (
        "Nearest neighbours",
        "Each row is a random image of a class and the images nearest to it. A green frame means "
        "that the two share a class.",
    ),
    "similarity": (
        "Where an image agrees with its crops",
        "X is an image with two random crops. A map shows how similar the regions of the image "
        "are to the crop: red where they agree.",
    ),
}
_MAPPED_IMAGES = 5  # images that a similarity map is drawn for
_MIN_IMAGES = 10  # a UMAP and eight neighbours of each query need them
_NEIGHBOURS = 8


@dataclass(frozen=True)
class Pictured:
    """Images and what a network makes of them.

    Attributes:
        features: features ``[M, F]``.
        targets: the class of each image ``[M]``, or its labels ``[M, C]``.
        classes: the names of the classes.
        colours: one number for each image ``[M]``.
        legend: what each of these numbers means.
        image: returns the image of an index, an RGB picture of any size.
        encode: maps pictures to features ``[N, F]``.
    """

    features: torch.Tensor
    targets: torch.Tensor
    classes: Sequence[str]
    colours: torch.Tensor
    legend: Sequence[str]
    image: Callable[[int], Image.Image]
    encode: Encode


def draw_pictures(pictured: Pictured, paths: dict[str, Path]) -> list[Neighbours]:
    """Draw the three pictures.

    Args:
        pictured: the images.
        paths: the path of the PNG of each of ``KINDS``.

    Returns:
        The neighbours that the second picture shows.

    Raises:
        UserError: if there are fewer than ten images.
    """
    count = len(pictured.features)
    if count < _MIN_IMAGES:
        raise UserError(f"{count} validation images are too few to draw; at least 10 are needed")
    with whole_file(paths["umap"]) as part:
        umap_scatter(pictured.features, pictured.colours, pictured.legend, part)
    # What all images have in common would make all of them similar.
    mean = pictured.features.mean(dim=0)
    rows = neighbours_of_classes(
        pictured.features - mean, pictured.targets, pictured.classes, _NEIGHBOURS
    )
    with whole_file(paths["neighbours"]) as part:
        neighbour_rows(rows, pictured.image, part)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    images = [pictured.image(i) for i in order[:_MAPPED_IMAGES].tolist()]
    with whole_file(paths["similarity"]) as part:
        similarity_rows(lambda pictures: pictured.encode(pictures) - mean, images, part)
    return rows


def write_page(name: str, paths: dict[str, Path], path: Path) -> None:
    """Write an HTML page that holds the three pictures.

    Args:
        name: the network, as the user names it.
        paths: the paths of the pictures, see ``draw_pictures``.
        path: the path of the page.
    """
    report = Report(f"Pictures of {name}")
    for kind, (title, text) in KINDS.items():
        report.heading(title)
        report.text(text)
        report.picture_file(paths[kind], title)
    report.write(path)
