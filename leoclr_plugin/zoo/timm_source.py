"""Open a pretrained model of timm with the view of an image that it was evaluated on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import timm
from torch import nn

from leoclr_plugin.data.views import View, val_view
from leoclr_plugin.errors import UserError, near_names, one_line
from leoclr_plugin.host.timm_networks import timm_network
from leoclr_plugin.zoo.evaluate import Encoder

PREFIX = "timm:"


@dataclass(frozen=True)
class TimmSource:
    """A pretrained model of timm.

    Attributes:
        method: gives ``feats`` and nothing else, in evaluation mode.
        view: the size, the crop and the normalisation are the model's own.
    """

    method: nn.Module
    view: View


def is_timm(name: str) -> bool:
    """Return whether a name is one of timm, with or without a tag of its weights."""
    return timm.is_model(name.partition(".")[0])


def open_timm(name: str) -> TimmSource:
    """Open a model of timm; timm downloads its weights first if they are not in its cache.

    Args:
        name: a name such as ``resnet50`` or ``vit_small_patch16_224.dino``.

    Raises:
        UserError: if there is no such model, or its weights cannot be had.
    """
    if not is_timm(name):
        near = near_names(name, timm.list_models())
        meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UserError(f"{name} is no model of timm{meant}")
    try:
        backbone = timm_network(name, pretrained=True, num_classes=0)
    # An unknown tag, no pretrained weights or no network: each has an error of its own.
    except Exception as error:
        reason = one_line(error).rstrip(".")
        raise UserError(
            f"timm gives no pretrained weights of {name}: {reason}; check the name and the "
            "network, or take a run or zoo:NAME"
        ) from error
    config = timm.data.resolve_model_data_config(backbone)
    _, height, width = config["input_size"]
    view = replace(
        val_view("custom", (height, width)),
        mean_and_std=(tuple(config["mean"]), tuple(config["std"])),
        resize_shorter=math.floor(max(height, width) / config["crop_pct"]),
        bicubic=config["interpolation"] == "bicubic",
    )
    return TimmSource(Encoder(backbone).eval(), view)
