"""Loaders of the batches that the host's classes expect."""

from __future__ import annotations

import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader, Dataset

from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset
from leoclr_plugin.data.evaluation import train_transform, val_transform
from leoclr_plugin.data.views import Views
from leoclr_plugin.errors import UserError


def pretrain_loader(cfg: DictConfig) -> DataLoader:
    """Batches ``[indexes, [view, ...], targets]``, shuffled; a last smaller one is dropped.

    Raises:
        UserError: where the data is not there, or is smaller than one batch.
    """
    dataset = build_pretrain_dataset(cfg.data, Views(cfg.augmentations, cfg.data.dataset))
    return _loader(dataset, cfg, training=True)


def val_loader(cfg: DictConfig, size: tuple[int, int]) -> DataLoader:
    """Batches ``[images, targets]`` of the validation set, in order."""
    transform = val_transform(cfg.data.dataset, size)
    return _loader(build_dataset(cfg.data, "val", transform), cfg, training=False)


def linear_train_loader(cfg: DictConfig, size: tuple[int, int]) -> DataLoader:
    """Batches ``[images, targets]`` of the augmented training set, shuffled."""
    transform = train_transform(cfg.data.dataset, size)
    return _loader(build_dataset(cfg.data, "train", transform), cfg, training=True)


def plain_train_loader(cfg: DictConfig, size: tuple[int, int]) -> DataLoader:
    """Batches ``[images, targets]`` of the training set as the validation set is seen."""
    transform = val_transform(cfg.data.dataset, size)
    return _loader(build_dataset(cfg.data, "train", transform), cfg, training=False)


def _loader(dataset: Dataset, cfg: DictConfig, training: bool) -> DataLoader:
    batch_size, workers = cfg.optimizer.batch_size, cfg.data.num_workers
    if training and len(dataset) < batch_size:
        raise UserError(
            f"optimizer.batch_size={batch_size} is larger than the data set of {len(dataset)} "
            "images; lower it"
        )
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=training,
        drop_last=training,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )
