"""The views of an image, such as n random crops and the whole image, from ``augmentations``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from omegaconf import DictConfig, ListConfig
from PIL import Image, ImageFilter, ImageOps
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torchvision import transforms

_MEAN_AND_STD = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "stl10": ((0.4914, 0.4823, 0.4466), (0.247, 0.243, 0.261)),
}
BLUR_SIGMA = (0.1, 2.0)
# The nodes of a pipeline that changes nothing about the appearance of a view.
UNCHANGED = {
    name: {"prob": 0.0}
    for name in (
        "color_jitter",
        "grayscale",
        "gaussian_blur",
        "solarization",
        "equalization",
        "horizontal_flip",
    )
}


def mean_and_std(dataset: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return each channel's mean and standard deviation in [0, 1]; the default is ImageNet's."""
    return _MEAN_AND_STD.get(dataset, (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))


def normalization(node: DictConfig, dataset: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return the mean and standard deviation for a view: the data set's, or the node's own."""
    mean, std = mean_and_std(dataset)
    if dataset in _MEAN_AND_STD:
        return mean, std
    return node.get("mean", mean), node.get("std", std)


def view_size(node: DictConfig) -> tuple[int, int]:
    """Return the height and width in pixels of ``crop_size``, which is [H, W] or an int."""
    size = node.crop_size
    return (size, size) if isinstance(size, int) else tuple(size)


class GaussianBlur:
    """Blur a PIL image with a sigma drawn uniformly from [0.1, 2] pixels (MoCo v2, SimCLR)."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the blurred image."""
        # DataLoader seeds torch's generator anew for each worker and epoch, so the sigma comes from
        # torch.
        sigma = torch.empty(1).uniform_(*BLUR_SIGMA).item()
        return image.filter(ImageFilter.GaussianBlur(radius=sigma))


def build_view(node: DictConfig, dataset: str) -> transforms.Compose:
    """Build the transform of one pipeline of ``cfg.augmentations``.

    Args:
        node: solo-learn's augmentation node: ``crop_size`` (pixels, an int or [H, W]), ``rrc``
            (``enabled``, ``crop_min_scale``, ``crop_max_scale``), ``color_jitter``, ``grayscale``,
            ``gaussian_blur``, ``solarization``, ``equalization``, ``horizontal_flip`` (each with
            ``prob``), and optionally ``mean`` and ``std``. With ``rrc.enabled: False`` the image
            is resized and never cropped; [H, W] gives exactly that size.
        dataset: the data set's name; its mean and standard deviation are used if they are known.

    Returns:
        A transform from a PIL image to a normalised float tensor ``[3, H, W]``.
    """
    normalize = transforms.Normalize(*normalization(node, dataset))
    return transforms.Compose(
        [*geometry(node), *appearance(node), transforms.ToTensor(), normalize]
    )


def geometry(node: DictConfig) -> list[Callable]:
    """Return the random resized crop of a pipeline, or the resize of one that does not crop."""
    bicubic = transforms.InterpolationMode.BICUBIC
    size = list(node.crop_size) if isinstance(node.crop_size, ListConfig) else node.crop_size
    if node.rrc.enabled:
        scale = (node.rrc.crop_min_scale, node.rrc.crop_max_scale)
        return [transforms.RandomResizedCrop(size, scale=scale, interpolation=bicubic)]
    return [transforms.Resize(size, interpolation=bicubic)]


def appearance(node: DictConfig) -> list[Callable]:
    """Return the changes of appearance in solo-learn's order, without those with ``prob`` 0."""
    jitter = node.color_jitter
    steps = [
        (
            jitter.prob,
            lambda: transforms.ColorJitter(
                jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
            ),
        ),
        (node.grayscale.prob, lambda: transforms.Grayscale(num_output_channels=3)),
        (node.gaussian_blur.prob, GaussianBlur),
        (node.solarization.prob, lambda: transforms.Lambda(ImageOps.solarize)),
        (node.equalization.prob, lambda: transforms.Lambda(ImageOps.equalize)),
        (node.horizontal_flip.prob, lambda: transforms.Lambda(ImageOps.mirror)),
    ]
    return [transforms.RandomApply([make()], p=prob) for prob, make in steps if prob]


class Views:
    """Make all views of an image: each pipeline's transform is drawn anew ``num_crops`` times.

    For LeOCLR the crops come first and the original last: ``[X1, ..., Xn, X]``.
    """

    def __init__(self, augmentations: ListConfig, dataset: str) -> None:
        self.transforms = [
            transform
            for node in augmentations
            for transform in [build_view(node, dataset)] * node.num_crops
        ]

    def __call__(self, image: Image.Image) -> list[torch.Tensor]:
        """Return the views of an RGB image, each ``[3, H, W]``."""
        return [transform(image) for transform in self.transforms]
