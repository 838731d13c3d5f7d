"""Loaders of the batches that the host's classes expect, with torchvision or with DALI."""

from __future__ import annotations

from typing import Any

import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset, samples_of
from leoclr_plugin.data.evaluation import train_transform, val_transform
from leoclr_plugin.data.images import naming_unreadable_images
from leoclr_plugin.data.sampler import ShardSampler, processes
from leoclr_plugin.data.torchvision_loader import TorchvisionLoader
from leoclr_plugin.data.views import Views
from leoclr_plugin.errors import UserError

# A DataLoader or a DaliLoader: both have a length, can be iterated, and have a ``dataset``.
Loader = Any


def pretrain_loader(cfg: DictConfig) -> Loader:
    """Return a loader of shuffled batches ``[indexes, [view, ...], targets]``.

    A smaller last batch is dropped.

    Raises:
        UserError: if the data is missing or smaller than one batch.
    """
    if cfg.data.format == "dali":
        from leoclr_plugin.data.dali.views import pretrain_views

        dataset = build_pretrain_dataset(cfg.data, transform=None)
        views = pretrain_views(cfg.augmentations, cfg.data.dataset)
        return _dali_loader(dataset, cfg, views, True, _pretrain_batch)
    dataset = build_pretrain_dataset(cfg.data, Views(cfg.augmentations, cfg.data.dataset))
    return _loader(dataset, cfg, training=True)


def val_loader(cfg: DictConfig, size: tuple[int, int]) -> Loader:
    """Return a loader of batches ``[images, targets]`` of the validation set, in order."""
    return _plain_loader("val", cfg, size)


def linear_train_loader(cfg: DictConfig, size: tuple[int, int]) -> Loader:
    """Return a loader of shuffled batches ``[images, targets]`` of the augmented training set."""
    dataset = build_dataset(cfg.data, "train", train_transform(cfg.data.dataset, size))
    if cfg.data.format == "dali":
        from leoclr_plugin.data.dali.views import linear_train_view

        view = linear_train_view(cfg.data.dataset, size)
        return _dali_loader(dataset, cfg, [view], True, _labelled_batch)
    return _loader(dataset, cfg, training=True)


def plain_train_loader(cfg: DictConfig, size: tuple[int, int]) -> Loader:
    """Return a loader of the training set in order, without augmentation, as for validation."""
    return _plain_loader("train", cfg, size)


def _plain_loader(split: str, cfg: DictConfig, size: tuple[int, int]) -> Loader:
    dataset = build_dataset(cfg.data, split, val_transform(cfg.data.dataset, size))
    if cfg.data.format == "dali":
        from leoclr_plugin.data.dali.views import val_view

        view = val_view(cfg.data.dataset, size)
        return _dali_loader(dataset, cfg, [view], False, _labelled_batch)
    return _loader(dataset, cfg, training=False)


def _pretrain_batch(indexes: torch.Tensor, views: list, targets: torch.Tensor) -> list:
    return [indexes, views, targets]


def _labelled_batch(indexes: torch.Tensor, views: list, targets: torch.Tensor) -> list:
    return [views[0], targets]


def _dali_loader(
    dataset: Dataset, cfg: DictConfig, views: list, training: bool, collate: Any
) -> Loader:
    from leoclr_plugin.data.dali.cache import decode_all
    from leoclr_plugin.data.dali.loader import DaliLoader

    sampler = _sampler(dataset, cfg, training)
    samples, threads = samples_of(dataset), max(1, cfg.data.num_workers)
    images = None
    if cfg.dali.cache_mb:
        with naming_unreadable_images(dataset):
            images = decode_all([path for path, _ in samples], cfg.dali.cache_mb, threads)
    return DaliLoader(
        dataset,
        samples,
        views,
        sampler,
        collate=collate,
        prefetch=cfg.dali.prefetch,
        images=images,
        hw_decoder_load=cfg.dali.hw_decoder_load,
        threads=threads,
        device=cfg.dali.device,
        dtype="float16" if "16" in str(cfg.get("precision")) else "float32",
    )


def _loader(dataset: Dataset, cfg: DictConfig, training: bool) -> DataLoader:
    return TorchvisionLoader(dataset, _sampler(dataset, cfg, training), cfg.data.num_workers)


def _sampler(dataset: Dataset, cfg: DictConfig, training: bool) -> ShardSampler:
    if training:
        _check_batch_size(dataset, cfg)
    return ShardSampler(
        len(dataset),
        cfg.optimizer.batch_size,
        cfg.get("seed") or 0,
        training,
        # With overfit_batches Lightning takes the first batches of each epoch, so these have to be
        # the same in every epoch.
        one_order=bool(cfg.get("overfit_batches")),
    )


def _check_batch_size(dataset: Dataset, cfg: DictConfig) -> None:
    world = processes(cfg)
    if len(dataset) < world * cfg.optimizer.batch_size:
        per_process = f" for each of {world} processes" if world > 1 else ""
        raise UserError(
            f"optimizer.batch_size={cfg.optimizer.batch_size}{per_process} is larger than the data "
            f"set of {len(dataset)} images; lower it"
        )
