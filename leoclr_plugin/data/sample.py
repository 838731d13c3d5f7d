"""A fixed sample of a data set's images, each once without augmentation and in several views."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.data.bad_images import bad_images_of
from leoclr_plugin.data.datasets import build_pretrain_dataset
from leoclr_plugin.data.image_loader import ImageLoader
from leoclr_plugin.data.levels import levels_of
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.data.sources import build_source
from leoclr_plugin.data.stored import part_of
from leoclr_plugin.data.views import View
from leoclr_plugin.errors import UserError

# All views of a batch are in memory at once, so it has few images.
_BATCH = 32


def sample_loader(
    data: DictConfig, plain: View, augmented: View, images: int, views: int, seed: int
) -> ImageLoader:
    """Return a loader of lists of views: first the plain one of some images, then augmented ones.

    The seed determines the images and their crops, and each iteration gives the same batches.
    Several processes share the images. Labels are not read.

    Args:
        data: the ``data`` node of a configuration; the images are those of ``train_path``.
        plain: the view without augmentation.
        augmented: the augmented view.
        images: the number of images; all are taken if there are fewer.
        views: the number of augmented views of each image.
        seed: the seed, at least 0.

    Raises:
        UserError: if there are fewer than two images, or one cannot be read.
    """
    dataset = build_pretrain_dataset(_without_labels(data))
    if len(dataset) < 2:
        raise UserError(f"{data.train_path} holds one image; the measures compare at least two")
    order = np.random.default_rng(seed).permutation(len(dataset))
    sample = part_of(dataset, sorted(order[:images].tolist()))
    threads = max(1, data.num_workers)
    source = build_source(sample, 0, threads, levels_of(data))
    bad = bad_images_of(data, sample, len(sample), seed)
    sampler = ShardSampler(len(sample), _BATCH, seed, training=False)
    all_views = [plain, *[augmented] * views]
    return ImageLoader(sample, source, all_views, sampler, _views, bad=bad, threads=threads)


def _without_labels(data: DictConfig) -> DictConfig:
    # With labels each process would check the classes, and a fraction depends on them.
    fields: dict[str, Any] = {**data, "no_labels": True, "fraction": -1}
    return OmegaConf.create(fields)


def _views(indexes: torch.Tensor, views: list[torch.Tensor], targets: torch.Tensor) -> list:
    return views
