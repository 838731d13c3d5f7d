"""What a user would write with torchvision: a DataLoader, and transforms of PIL images.

The project's own loaders are compared to it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from omegaconf import DictConfig, ListConfig
from PIL import Image, ImageFilter
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.datasets.folder import pil_loader

from leoclr_plugin.data.views import BLUR_SIGMA, mean_and_std, view_size


class _Images(Dataset):
    def __init__(self, paths: Sequence[str], augmentations: ListConfig) -> None:
        self.paths = paths
        self.transforms = [
            transform
            for node in augmentations
            for transform in [torchvision_transform(node)] * node.num_crops
        ]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        image = pil_loader(self.paths[index])
        return [transform(image) for transform in self.transforms]


def torchvision_batches(
    paths: Sequence[str], augmentations: ListConfig, batch_size: int, workers: int
) -> Iterator[Any]:
    """Yield shuffled batches of all views without end."""
    loader = DataLoader(
        _Images(paths, augmentations),
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=True,
    )
    while True:
        yield from loader


def torchvision_transform(node: DictConfig) -> transforms.Compose:
    """Return one pipeline of ``augmentations`` by torchvision's transforms, in solo-learn's order.

    Its solarisation and equalisation are left out, because MoCo-v2's recipe has neither.
    """
    bicubic, jitter = transforms.InterpolationMode.BICUBIC, node.color_jitter
    if node.rrc.enabled:
        scale = (node.rrc.crop_min_scale, node.rrc.crop_max_scale)
        geometry = transforms.RandomResizedCrop(view_size(node), scale, interpolation=bicubic)
    else:
        geometry = transforms.Resize(view_size(node), interpolation=bicubic)
    colors = transforms.ColorJitter(
        jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
    )
    return transforms.Compose(
        [
            geometry,
            transforms.RandomApply([colors], p=jitter.prob),
            transforms.RandomGrayscale(node.grayscale.prob),
            transforms.RandomApply([_blur], p=node.gaussian_blur.prob),
            transforms.RandomHorizontalFlip(node.horizontal_flip.prob),
            transforms.ToTensor(),
            transforms.Normalize(*mean_and_std("custom")),
        ]
    )


def _blur(image: Image.Image) -> Image.Image:
    sigma = random.uniform(*BLUR_SIGMA)  # nosec B311 # an augmentation, no secret
    return image.filter(ImageFilter.GaussianBlur(sigma))
