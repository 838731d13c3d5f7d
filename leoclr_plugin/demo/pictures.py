"""What the networks of the demo have learned, to be looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.data.decode import decode_rgb
from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.data.loaders import val_loader
from leoclr_plugin.data.make import views_of
from leoclr_plugin.data.views import pretrain_views
from leoclr_plugin.demo.textures import TEXTURES
from leoclr_plugin.evaluation.data import evaluation_cfg
from leoclr_plugin.evaluation.features import Features, device
from leoclr_plugin.report.crop_matrix import CropSimilarity, crop_similarity
from leoclr_plugin.report.neighbours import neighbour_rows, neighbours_of_classes

# A class's number is its place among the sorted names of the folders.
CLASSES = sorted(TEXTURES)
_PICTURES_A_CLASS = 20


def draw_neighbours(features: Features, cfg: DictConfig, path: Path) -> None:
    """Draw a validation picture of each class with its nearest neighbours among the others.

    Args:
        features: of the validation pictures, in the order of ``val_loader``.
        cfg: the configuration of the pretraining, whose data they are.
        path: of the PNG.
    """
    loader = val_loader(evaluation_cfg(cfg), input_size(cfg))
    samples = loader.dataset.samples
    rows = neighbours_of_classes(*features, CLASSES)
    neighbour_rows(rows, lambda index: open_rgb(samples[index][0]), path)


@torch.no_grad()
def similarity_of_crops(method: nn.Module, cfg: DictConfig) -> CropSimilarity:
    """Compare random crops of validation pictures, the same crops for every network.

    Args:
        method: in evaluation mode.
        cfg: the configuration of the pretraining, whose crops they are.
    """
    crop = pretrain_views(cfg.augmentations, cfg.data.dataset)[0]
    paths = [
        path
        for name in CLASSES
        for path in sorted((Path(cfg.data.val_path) / name).iterdir())[:_PICTURES_A_CLASS]
    ]
    pair = [crop, crop]
    drawn = draw_views(pair, 0, 0, np.arange(len(paths)))
    crops = views_of([decode_rgb(path) for path in paths], pair, drawn)
    features = [method(part.to(device()))["feats"].float().cpu() for part in crops]
    targets = torch.arange(len(CLASSES)).repeat_interleave(_PICTURES_A_CLASS)
    return crop_similarity(*features, targets)
