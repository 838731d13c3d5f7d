"""The transforms of the evaluators, and of the validation during pretraining."""

from __future__ import annotations

from collections.abc import Callable

from torchvision import transforms

from leoclr_plugin.data.views import mean_and_std


def train_transform(dataset: str, size: tuple[int, int]) -> Callable:
    """Return the random resized crop and flip of the linear probe's training images."""
    crop = transforms.RandomResizedCrop(size, scale=(0.08, 1.0))
    return _finish(dataset, [crop, transforms.RandomHorizontalFlip()])


def val_transform(dataset: str, size: tuple[int, int]) -> Callable:
    """Return the transform that all methods are evaluated on.

    Images of cifar and stl10 are resized to ``size`` ``(H, W)``. For other data sets the shorter
    side is resized to 256/224 of ``size`` and the centre is cropped, as is common on ImageNet.
    """
    if dataset in ("cifar10", "cifar100", "stl10"):
        return _finish(dataset, [transforms.Resize(size)])
    return _finish(dataset, [transforms.Resize(shorter_side(size)), transforms.CenterCrop(size)])


def shorter_side(size: tuple[int, int]) -> int:
    """Return the shorter side, in pixels, before a crop of ``size`` at the centre: 256 for 224."""
    return round(max(size) * 256 / 224)


def _finish(dataset: str, steps: list[Callable]) -> Callable:
    normalize = transforms.Normalize(*mean_and_std(dataset))
    return transforms.Compose([*steps, transforms.ToTensor(), normalize])
