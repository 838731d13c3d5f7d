"""A model of the zoo, ready for use from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import torchvision
from PIL import Image
from torch import nn

from leoclr_plugin.data.evaluation import val_transform
from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.fetch import fetch
from leoclr_plugin.zoo.manifest import Entry, find_entry
from leoclr_plugin.zoo.weights import State, read_weights

_LIBRARIES = ("torchvision", "timm")


@dataclass(frozen=True)
class ZooModel:
    """A pretrained network and what goes with it.

    Attributes:
        backbone: images ``[N, 3, H, W]`` to features ``[N, F]``, in evaluation mode.
        preprocess: an RGB picture to an image ``[3, H, W]`` as the network was evaluated on.
        classes: names of the classes of its data set, in the order of the targets.
    """

    backbone: nn.Module
    preprocess: Callable[[Image.Image], torch.Tensor]
    classes: tuple[str, ...]


def load(name: str, library: str = "torchvision") -> ZooModel:
    """Fetch a model of the zoo, where that was not done, and build it.

    Args:
        name: see ``leoclr zoo list``.
        library: ``"torchvision"`` or ``"timm"``, whose network it becomes, without classifier.

    Raises:
        UserError: for an unknown name or library, and where the file cannot be had or is not
            the one of the manifest.

    Example:
        >>> model = load("leoclr-resnet18-imagenette")
        >>> features = model.backbone(model.preprocess(picture)[None])
    """
    entry = find_entry(name)
    if library not in _LIBRARIES:
        raise UserError(f"library={library}; it must be one of {', '.join(_LIBRARIES)}")
    backbone = build_backbone(entry, read_weights(fetch(entry)), library)
    return ZooModel(backbone, val_transform(entry.dataset, entry.size), entry.classes)


def build_backbone(entry: Entry, state: State, library: str = "torchvision") -> nn.Module:
    """Build an entry's network in evaluation mode; see ``load``."""
    if library == "timm":
        backbone = timm.create_model(entry.backbone, num_classes=0)
    else:
        backbone = torchvision.models.get_model(entry.backbone)
        backbone.fc = nn.Identity()
    backbone.load_state_dict(state)
    return backbone.eval()
