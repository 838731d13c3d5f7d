"""Load a model of the zoo from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import torchvision
from PIL import Image
from torch import nn

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.checkpoints.weights import State, read_weights
from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.fetch import fetch
from leoclr_plugin.zoo.manifest import Entry, find_entry
from leoclr_plugin.zoo.transform import val_transform

_LIBRARIES = ("torchvision", "timm")


@dataclass(frozen=True)
class ZooModel:
    """A pretrained network with its preprocessing and its classes.

    Attributes:
        backbone: network in evaluation mode that maps images ``[N, 3, H, W]`` to features
            ``[N, F]``.
        preprocess: function that turns an RGB picture into an image ``[3, H, W]``, in the same
            way as for the evaluation.
        classes: names of the data set's classes, in the order of the targets.
    """

    backbone: nn.Module
    preprocess: Callable[[Image.Image], torch.Tensor]
    classes: tuple[str, ...]


def load(name: str, library: str = "torchvision") -> ZooModel:
    """Build a model of the zoo; download its weights first if that was not done before.

    Args:
        name: a name that ``leoclr zoo list`` shows.
        library: ``"torchvision"`` or ``"timm"``; the library that the network is taken from. It
            has no classifier.

    Raises:
        UserError: when the name or the library is unknown, when the file cannot be downloaded,
            or when it is not the file of the manifest or has weights that are not finite.

    Example:
        >>> model = load("leoclr-resnet18-imagenette")
        >>> features = model.backbone(model.preprocess(picture)[None])
    """
    entry = find_entry(name)
    if library not in _LIBRARIES:
        raise UserError(f"library={library}; it must be one of {', '.join(_LIBRARIES)}")
    weights = read_weights(fetch(entry))
    check_weights(weights, entry.name)
    backbone = build_backbone(entry, weights, library)
    return ZooModel(backbone, val_transform(entry.dataset, entry.size), entry.classes)


def build_backbone(entry: Entry, state: State, library: str = "torchvision") -> nn.Module:
    """Build the network of an entry in evaluation mode; see ``load``."""
    if library == "timm":
        backbone = timm.create_model(entry.backbone, num_classes=0)
    else:
        backbone = torchvision.models.get_model(entry.backbone)
        backbone.fc = nn.Identity()
    backbone.load_state_dict(state)
    return backbone.eval()
