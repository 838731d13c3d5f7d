"""Draw pictures that show what a model has learned."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig
from PIL import Image

from leoclr_plugin.data.datasets import samples_of
from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.data.loaders import val_loader
from leoclr_plugin.evaluation.features import device, extract_features
from leoclr_plugin.evaluation.one_colour import one_colour
from leoclr_plugin.plots.scatter import require_umap, umap_scatter
from leoclr_plugin.report.neighbours import neighbour_rows
from leoclr_plugin.report.similarity import similarity_rows
from leoclr_plugin.system.files import whole_file
from leoclr_plugin.zoo.evaluate import Encoder
from leoclr_plugin.zoo.manifest import Entry
from leoclr_plugin.zoo.model import load

_MAPPED_IMAGES = 5  # images that a similarity map is drawn for


def draw_pictures(entry: Entry, cfg: DictConfig, out: Path) -> list[Path]:
    """Draw a UMAP, nearest neighbours and similarity maps of validation images.

    Args:
        entry: the model's entry in the manifest.
        cfg: configuration made by ``evaluation.data.folder_cfg``.
        out: folder to write the pictures to.

    Returns:
        Paths of ``<name>-umap.png``, ``<name>-neighbours.png`` and ``<name>-similarity.png``.

    Raises:
        UserError: when umap-learn or matplotlib is not installed.
    """
    require_umap()
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{entry.name}-{kind}.png" for kind in ("umap", "neighbours", "similarity")]
    model = load(entry.name)
    loader, backbone = val_loader(cfg, entry.size), model.backbone
    ((features, targets),) = extract_features(
        Encoder(backbone), loader, ["backbone"], "Validation images", entry.name
    )
    colours, names = targets, model.classes
    if targets.dim() == 2:
        colours, names = one_colour(targets), (*names, "several classes", "no class")
    with whole_file(paths[0]) as part:
        umap_scatter(features, colours, names, part)
    mean = features.mean(dim=0)
    samples = samples_of(loader.dataset)
    with whole_file(paths[1]) as part:
        neighbour_rows(features - mean, samples, model.classes, part)

    @torch.no_grad()
    def encode(pictures: list[Image.Image]) -> torch.Tensor:
        images = torch.stack([model.preprocess(picture) for picture in pictures])
        return backbone(images.to(device())).cpu() - mean

    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))
    images = [open_rgb(samples[i][0]) for i in order[:_MAPPED_IMAGES].tolist()]
    with whole_file(paths[2]) as part:
        similarity_rows(encode, images, part)
    return paths
