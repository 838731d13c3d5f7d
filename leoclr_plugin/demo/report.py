"""The demo's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from leoclr_plugin.data.images import list_images, open_rgb
from leoclr_plugin.report.curves import loss_curves
from leoclr_plugin.report.html import Report
from leoclr_plugin.report.view_grid import view_grid

HEADER = ("method", "kNN top-1 %", "linear top-1 %", "seconds of pretraining")
_CROPS_HEADER = ("crops of", "one picture", "one texture", "different textures")
_ROWS_OF_VIEWS = 5


def table_rows(methods: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """The rows of the table under ``HEADER``, one for each of ``results.json``'s methods."""
    return [
        (name, f"{r['knn_top1']:.1f}", f"{r['linear_top1']:.1f}", f"{r['seconds']:.0f}")
        for name, r in methods.items()
    ]


def summary(methods: Mapping[str, Mapping[str, float]]) -> str:
    """Say how far apart the methods are by kNN, as measured."""
    leoclr, moco, untrained = (
        methods[name]["knn_top1"] for name in ("leoclr", "mocov2plus", "untrained")
    )
    return (
        f"By kNN LeOCLR is {_apart(leoclr - untrained)} the untrained network and "
        f"{_apart(leoclr - moco)} mocov2plus."
    )


def _apart(points: float) -> str:
    return f"{abs(points):.1f} points {'above' if points >= 0 else 'below'}"


def write_report(
    path: Path,
    content: dict[str, Any],
    cfg: DictConfig,
    pictures: Mapping[str, Any],
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        content: that of ``results.json``.
        cfg: LeOCLR's configuration of the pretraining.
        pictures: ``similarity``, a PNG file, and ``neighbours`` and ``umap``, PNG files by the name
            of the network; none where the plotting libraries are missing.
    """
    budget, environment = content["budget"], content["environment"]
    report = Report("LeOCLR on made textures")
    report.text(
        "A network of three convolutions learns without labels from "
        f"{budget['train_images']} made pictures in {budget['epochs']} epochs. Then it is frozen, "
        f"and its features classify {budget['val_images']} other pictures: by the 20 nearest "
        "training pictures (kNN), and by a linear probe that is trained for "
        f"{budget['linear_epochs']} epochs. The class of a picture is its texture. Its colours, "
        "brightness, contrast, period, tilt and place are random."
    )
    report.table(HEADER, table_rows(content["methods"]))
    report.text(summary(content["methods"]))

    report.heading("What the networks see")
    report.text(
        "The query encoder sees X, the whole image; the momentum encoder sees the crops X1 and "
        "X2. Each crop is pulled to X, never to the other crop."
    )
    report.picture(_views(cfg), "the three views")

    report.heading("kNN accuracy over the training, %")
    report.text(
        "The curves begin before the first step, with the untrained network. Both methods start "
        "from the same one."
    )
    report.svg(loss_curves(content["curves"]["knn_top1"]))
    report.heading("Contrastive loss of each step")
    report.text(
        "LeOCLR's loss is a sum over two crops, mocov2plus's a mean over two views. LeOCLR's "
        "begins at 0, because its queue of negatives is empty in the first step."
    )
    report.svg(loss_curves(content["curves"]["train_nce_loss"]))

    report.heading("Similarity of crops before and after the training")
    report.text(
        "Two random crops are taken of each of 200 validation pictures, with colours changed as in "
        "the training. The cosines are means, of features without their common mean."
    )
    report.table(_CROPS_HEADER, _crops_rows(content["crop_cosines"]))
    if pictures:
        report.text(
            "The same by the texture of the first crop (row) and of the second (column), without "
            "crops of one picture. A network that sees textures has a red diagonal."
        )
        report.picture_file(pictures["similarity"], "mean cosines of crops by texture")
        report.heading("Nearest neighbours before and after the training")
        report.text(
            "One validation picture of each texture, and the eight others that are nearest to it. "
            "The frame is green where the texture is the same."
        )
        _add_pictures(report, pictures["neighbours"], "nearest neighbours")
        report.heading("Map of the validation pictures")
        report.text(
            "UMAP puts pictures of similar features near each other. The colour is the texture."
        )
        _add_pictures(report, pictures["umap"], "UMAP")
    else:
        report.text(
            "More pictures of what was learned need umap-learn and matplotlib: "
            'pip install "leoclr-plugin[umap]"'
        )
    report.text(
        f"leoclr-plugin {environment['leoclr']}, {environment['host']} host, "
        f"torch {environment['versions']['torch']}, {environment['gpu'] or environment['cpu']}, "
        f"seed {content['seed']}"
    )
    report.write(path)


def _crops_rows(crop_cosines: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    return [
        (name, *(f"{cosines[key]:.2f}" for key in ("same_image", "same_class", "other_class")))
        for name, cosines in crop_cosines.items()
    ]


def _add_pictures(report: Report, pictures: Mapping[str, Path], what: str) -> None:
    for name, path in pictures.items():
        report.text("before: untrained" if name == "untrained" else f"after: {name}")
        report.picture_file(path, f"{what}, {name}")


def _views(cfg: DictConfig) -> Any:
    torch.manual_seed(0)
    paths: Sequence[Path] = list_images(Path(cfg.data.val_path))
    step = len(paths) // _ROWS_OF_VIEWS
    return view_grid([open_rgb(path) for path in paths[::step][:_ROWS_OF_VIEWS]], cfg)
