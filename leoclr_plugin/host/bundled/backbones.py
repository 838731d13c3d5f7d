"""Backbones from torchvision and timm, under solo-learn's names, and a small one of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import timm
import torchvision
from torch import nn

from leoclr_plugin.errors import check_known
from leoclr_plugin.host.open_backbones import OpenBackbones
from leoclr_plugin.host.small_convnet import NAME, small_convnet

TIMM_NAMES = {
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "vit_tiny": "vit_tiny_patch16_224",
    "vit_small": "vit_small_patch16_224",
    "vit_base": "vit_base_patch16_224",
    "vit_large": "vit_large_patch16_224",
    "swin_tiny": "swin_tiny_patch4_window7_224",
    "swin_small": "swin_small_patch4_window7_224",
    "swin_base": "swin_base_patch4_window7_224",
    "swin_large": "swin_large_patch4_window7_224",
    "poolformer_s12": "poolformer_s12",
    "poolformer_s24": "poolformer_s24",
    "poolformer_s36": "poolformer_s36",
    "poolformer_m36": "poolformer_m36",
    "poolformer_m48": "poolformer_m48",
    "convnext_tiny": "convnext_tiny",
    "convnext_small": "convnext_small",
    "convnext_base": "convnext_base",
    "convnext_large": "convnext_large",
}


def _torchvision(name: str) -> Callable[..., nn.Module]:
    return lambda method, **kwargs: getattr(torchvision.models, name)(**kwargs)


def _timm(name: str) -> Callable[..., nn.Module]:
    return lambda method, **kwargs: timm.create_model(name, num_classes=0, **kwargs)


BACKBONES = OpenBackbones(
    {
        **{name: _timm(timm_name) for name, timm_name in TIMM_NAMES.items()},
        **{name: _torchvision(name) for name in ("resnet18", "resnet50")},
        NAME: small_convnet,
    }
)


def build_backbone(name: str, method: str, dataset: str, kwargs: dict[str, Any]) -> nn.Module:
    """Build a randomly initialised backbone that returns features ``[N, F]``.

    A ResNet loses its classifier. For cifar10 and cifar100 it also gets the small stem: a 3x3
    convolution of stride 1 (with padding 2, as in solo-learn) and no pooling.

    Raises:
        UserError: if the name is not in ``BACKBONES``.
    """
    check_known("backbone.name", name, BACKBONES, "a backbone")
    backbone = BACKBONES[name](method, **kwargs)
    if name.startswith("resnet"):
        backbone.fc = nn.Identity()
        if dataset in ("cifar10", "cifar100"):
            backbone.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=2, bias=False)
            backbone.maxpool = nn.Identity()
    return backbone


def features_dim(backbone: nn.Module) -> int:
    """Return the dimension F of a backbone's features."""
    return backbone.inplanes if hasattr(backbone, "inplanes") else backbone.num_features
