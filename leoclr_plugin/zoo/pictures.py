"""What a model has learned, to be looked at."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig
from PIL import Image

from leoclr_plugin.data.datasets import samples_of
from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.data.loaders import val_loader
from leoclr_plugin.evaluation.features import device, extract_features
from leoclr_plugin.files import whole_file
from leoclr_plugin.report.neighbours import neighbour_rows
from leoclr_plugin.report.scatter import require_umap, umap_scatter
from leoclr_plugin.report.similarity import similarity_rows
from leoclr_plugin.zoo.evaluate import Encoder
from leoclr_plugin.zoo.manifest import Entry
from leoclr_plugin.zoo.model import load

_IMAGES = 5  # with a similarity map


def draw_pictures(entry: Entry, cfg: DictConfig, out: Path) -> list[Path]:
    """Draw the validation images' UMAP, the neighbours of some, and maps of similarity.

    Args:
        entry: of the manifest.
        cfg: see ``zoo_data``.
        out: a folder.

    Returns:
        The pictures ``<name>-umap.png``, ``<name>-neighbours.png``, ``<name>-similarity.png``.

    Raises:
        UserError: without umap-learn and matplotlib.
    """
    require_umap()
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{entry.name}-{what}.png" for what in ("umap", "neighbours", "similarity")]
    model = load(entry.name)
    loader, backbone = val_loader(cfg, entry.size), model.backbone
    ((features, targets),) = extract_features(
        Encoder(backbone), loader, ["backbone"], "Validation images", entry.name
    )
    with whole_file(paths[0]) as part:
        umap_scatter(features, targets, model.classes, part)
    common = features.mean(dim=0)
    samples = samples_of(loader.dataset.dataset)
    with whole_file(paths[1]) as part:
        neighbour_rows(features - common, samples, model.classes, part)

    @torch.no_grad()
    def encode(pictures: list[Image.Image]) -> torch.Tensor:
        images = torch.stack([model.preprocess(picture) for picture in pictures])
        return backbone(images.to(device())).cpu() - common

    chosen = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))[:_IMAGES]
    with whole_file(paths[2]) as part:
        similarity_rows(encode, [open_rgb(samples[i][0]) for i in chosen.tolist()], part)
    return paths
