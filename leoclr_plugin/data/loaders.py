"""Loaders of the batches that the host's classes expect, by threads of Python or by DALI."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import Dataset

from leoclr_plugin.data.bad_images import bad_images_of
from leoclr_plugin.data.batches import Loader
from leoclr_plugin.data.dali import require_dali
from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset
from leoclr_plugin.data.image_loader import ImageLoader
from leoclr_plugin.data.images import naming_unreadable_images
from leoclr_plugin.data.levels import levels_of
from leoclr_plugin.data.pairs.build import (
    Pairing,
    build_pairing,
    has_pairs,
    with_partners_listed,
)
from leoclr_plugin.data.pairs.kinds import has_negatives
from leoclr_plugin.data.pairs.where import views_with_pairs
from leoclr_plugin.data.rand_augment import RandAugment
from leoclr_plugin.data.sampler import ShardSampler, processes
from leoclr_plugin.data.sources import Source, build_source
from leoclr_plugin.data.views import (
    View,
    given_mean_and_std,
    linear_train_view,
    pretrain_views,
    val_view,
)
from leoclr_plugin.errors import UserError


def pretrain_loader(cfg: DictConfig) -> Loader:
    """Return a loader of shuffled batches ``[indexes, [view, ...], targets]``.

    If ``data.pairs.kinds`` changes the loss, a batch has a fourth part, the weights of
    ``data.shown.Shown``. A smaller last batch is dropped.

    Raises:
        UserError: if the data is missing or smaller than one batch.
    """
    views = pretrain_views(cfg.augmentations, cfg.data.dataset, given_mean_and_std(cfg.data))
    dataset = build_pretrain_dataset(cfg.data)
    if not has_pairs(cfg.data):
        return _loader(dataset, cfg, views, True, _pretrain_batch)
    is_leoclr = cfg.method == "leoclr"
    crops = len(views) - 1 if is_leoclr else cfg.data.num_large_crops
    views = views_with_pairs(views, cfg.data.pairs.where, has_negatives(cfg.data))
    data = with_partners_listed(cfg.data)
    listed = dataset if data is cfg.data else build_pretrain_dataset(data)
    images, pairing = build_pairing(dataset, listed, cfg.data, crops, len(views))
    return _loader(dataset, cfg, views, True, _pretrain_batch, images, pairing)


def val_loader(cfg: DictConfig, size: tuple[int, int]) -> Loader:
    """Return a loader of batches ``[images, targets]`` of the validation set, in order."""
    return _plain_loader("val", cfg, size)


def linear_train_loader(cfg: DictConfig, size: tuple[int, int]) -> Loader:
    """Return a loader of shuffled batches ``[images, targets]`` of the augmented training set.

    The images are changed by RandAugment as well if ``cfg.rand_augment.num_ops`` is above 0.
    """
    settings = cfg.get("rand_augment") or {}
    rand_augment = RandAugment(**settings) if settings.get("num_ops") else None
    given = given_mean_and_std(cfg.data)
    view = linear_train_view(cfg.data.dataset, size, rand_augment, given)
    return _loader(build_dataset(cfg.data, "train"), cfg, [view], True, _labelled_batch)


def plain_train_loader(cfg: DictConfig, size: tuple[int, int]) -> Loader:
    """Return a loader of the training set in order, without augmentation, as for validation."""
    return _plain_loader("train", cfg, size)


def source_loader(
    dataset: Dataset, source: Source, view: View, batch_size: int, threads: int
) -> ImageLoader:
    """Return a loader of batches ``[images, targets]`` of a source that was built before, in order.

    Args:
        dataset: the data set that the samples belong to.
        source: gives the images and targets.
        view: the view of each image.
        batch_size: the number of images of a batch; the last batch may be smaller.
        threads: the number of threads; 0 counts as 1.
    """
    sampler = ShardSampler(len(dataset), batch_size, seed=0, training=False)
    return ImageLoader(dataset, source, [view], sampler, _labelled_batch, threads=max(1, threads))


def _plain_loader(split: str, cfg: DictConfig, size: tuple[int, int]) -> Loader:
    view = val_view(cfg.data.dataset, size, given_mean_and_std(cfg.data))
    return _loader(build_dataset(cfg.data, split), cfg, [view], False, _labelled_batch)


def _pretrain_batch(
    indexes: torch.Tensor, views: list, targets: torch.Tensor, *weights: torch.Tensor
) -> list:
    return [indexes, views, targets, *weights]


def _labelled_batch(indexes: torch.Tensor, views: list, targets: torch.Tensor) -> list:
    return [views[0], targets]


def _loader(
    dataset: Dataset,
    cfg: DictConfig,
    views: Sequence[View],
    training: bool,
    collate: Callable[..., list],
    images: Dataset | None = None,
    pairing: Pairing | None = None,
) -> Loader:
    """Return a loader; ``images`` are those of the data set and further partners, if it pairs."""
    if cfg.data.format == "dali":
        require_dali()
    sampler = _sampler(dataset, cfg, training)
    threads = max(1, cfg.data.num_workers)
    dtype = torch.float16 if "16" in str(cfg.get("precision")) else torch.float32
    levels = levels_of(cfg.data)
    read = dataset if images is None else images
    bad = bad_images_of(cfg.data, read, len(dataset), sampler.seed) if training else None
    with naming_unreadable_images(dataset, levels):
        source = build_source(read, cache_mb(cfg), threads, levels, bad)
    settings = (dataset, source, views, sampler, collate, pairing, bad)
    if cfg.data.format != "dali" or source.in_memory:
        # Decoded images would be copied to the GPU whole, so threads resize them even for DALI.
        device = cfg.dali.device if cfg.data.format == "dali" else cfg.data.get("augment_on")
        gpu = torch.device("cuda") if device == "gpu" else None
        return ImageLoader(*settings, threads=threads, finish_on=gpu, dtype=dtype)
    from leoclr_plugin.data.dali.loader import DaliLoader

    graph = {
        "threads": threads,
        "device": cfg.dali.device,
        "dtype": dtype,
        "hw_decoder_load": cfg.dali.hw_decoder_load,
    }
    return DaliLoader(*settings, prefetch=cfg.dali.prefetch, graph=graph)


def cache_mb(cfg: DictConfig) -> float:
    """Return the memory for decoded images; older configurations have it in the node ``dali``."""
    return cfg.data.get("cache_mb") or OmegaConf.select(cfg, "dali.cache_mb", default=0)


def _sampler(dataset: Dataset, cfg: DictConfig, training: bool) -> ShardSampler:
    batch_size = cfg.optimizer.batch_size
    if training and len(dataset) < (world := processes(cfg)) * batch_size:
        per_process = f" for each of {world} processes" if world > 1 else ""
        raise UserError(
            f"optimizer.batch_size={batch_size}{per_process} is larger than the data set of "
            f"{len(dataset)} images; lower it"
        )
    # With overfit_batches Lightning takes the first batches of each epoch, so these have to be the
    # same in every epoch.
    one_order = bool(cfg.get("overfit_batches"))
    return ShardSampler(len(dataset), batch_size, cfg.get("seed") or 0, training, one_order)
