"""The views of one image: n random crops and the whole image, from ``cfg.augmentations``."""

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
# The nodes of what is done to a view besides its crop, where nothing is.
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
    """Mean and standard deviation of each channel in [0, 1]; ImageNet's where not known."""
    return _MEAN_AND_STD.get(dataset, (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))


def normalization(node: DictConfig, dataset: str) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation of a view: the data set's where known, else the node's own."""
    mean, std = mean_and_std(dataset)
    if dataset in _MEAN_AND_STD:
        return mean, std
    return node.get("mean", mean), node.get("std", std)


def view_size(node: DictConfig) -> tuple[int, int]:
    """Height and width in pixels of a view whose ``crop_size`` is [H, W], or an int of a square."""
    size = node.crop_size
    return (size, size) if isinstance(size, int) else tuple(size)


class GaussianBlur:
    """Blur a PIL image by a sigma drawn evenly from [0.1, 2] pixels (MoCo v2, SimCLR)."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the blurred image."""
        # torch's generator, not random's: DataLoader seeds it anew for each worker and epoch.
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
        dataset: its mean and standard deviation are used where they are known.

    Returns:
        A transform of a PIL image to a normalised float tensor ``[3, H, W]``.
    """
    normalize = transforms.Normalize(*normalization(node, dataset))
    return transforms.Compose(
        [*geometry(node), *appearance(node), transforms.ToTensor(), normalize]
    )


def geometry(node: DictConfig) -> list[Callable]:
    """The random resized crop of a crop's pipeline, or the resize of the original's."""
    bicubic = transforms.InterpolationMode.BICUBIC
    size = list(node.crop_size) if isinstance(node.crop_size, ListConfig) else node.crop_size
    if node.rrc.enabled:
        scale = (node.rrc.crop_min_scale, node.rrc.crop_max_scale)
        return [transforms.RandomResizedCrop(size, scale=scale, interpolation=bicubic)]
    return [transforms.Resize(size, interpolation=bicubic)]


def appearance(node: DictConfig) -> list[Callable]:
    """Jitter, grey, blur, solarise, equalise and flip, in solo-learn's order; none with prob 0."""
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
    """All views of one image: each pipeline's transform ``num_crops`` times, drawn anew each time.

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
