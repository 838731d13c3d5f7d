"""timm's own networks, also where a host has registered others under their names."""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from leoclr_plugin.host.bundled.backbones import TIMM_NAMES


def timm_name(name: str) -> str:
    """Return the name that timm has for a backbone of the host; any other name stays."""
    return TIMM_NAMES.get(name, name)


def timm_network(name: str, **kwargs: Any) -> nn.Module:
    """Build a network of timm.

    Args:
        name: a name of timm or of the host's backbones, with or without a tag of its weights, such
            as ``resnet50.a1_in1k``.
        kwargs: the arguments of timm's function for it.

    Raises:
        ValueError: if timm has no such network.
        Exception: an unknown argument or tag can raise any kind of error in timm.
    """
    name, _, tag = name.partition(".")
    # timm's create_model would take the networks that solo-learn registers under names of timm.
    build = getattr(timm.models, timm_name(name), None)
    if build is None:
        raise ValueError(f"timm has no network {name}")
    return build(**kwargs, **({"pretrained_cfg": tag} if tag else {}))
