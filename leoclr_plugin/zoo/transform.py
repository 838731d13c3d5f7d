"""The view of one PIL image that a model of the zoo was evaluated on."""

from __future__ import annotations

from collections.abc import Callable

from torchvision import transforms

from leoclr_plugin.config.datasets import SQUARE_DATASETS
from leoclr_plugin.data.views import mean_and_std, shorter_side


def val_transform(dataset: str, size: tuple[int, int]) -> Callable:
    """Return the transform that all methods are evaluated on; loaders make it by ``val_view``.

    Images of cifar and stl10 are resized to ``size`` ``(H, W)``. For other data sets the shorter
    side is resized to 256/224 of ``size`` and the centre is cropped, as is common on ImageNet.
    """
    if dataset in SQUARE_DATASETS:
        geometry = [transforms.Resize(size)]
    else:
        geometry = [transforms.Resize(shorter_side(size)), transforms.CenterCrop(size)]
    normalize = transforms.Normalize(*mean_and_std(dataset))
    return transforms.Compose([*geometry, transforms.ToTensor(), normalize])
