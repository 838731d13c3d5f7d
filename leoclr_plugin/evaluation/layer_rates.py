"""A learning rate for each layer of a network: the first layers learn the most slowly."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from timm.models import group_parameters
from torch import nn
from torchvision.models import ResNet

# The layers of torchvision's ResNets, in the form of timm's ``group_matcher``: the stem, and each
# residual block.
_RESNET = {"stem": r"^(?:conv1|bn1)\.", "blocks": r"^layer(\d+)\.(\d+)\."}


def layer_groups(network: nn.Module, rate: float, decay: float) -> list[dict[str, Any]]:
    """Return an optimizer's parameter groups with a rate for each layer of a network.

    The last layer has ``rate``, and each layer before it ``decay`` times the rate of the next one.
    The layers are those of timm for its networks, and the stem and the blocks of torchvision's
    ResNets. In any other network each weight with more than one dimension begins a layer, to which
    the biases and norms after it belong.

    Args:
        network: the network.
        rate: the learning rate of the last layer.
        decay: the factor; 0 gives all layers the same rate.
    """
    if not decay:
        return [{"name": "backbone", "params": list(network.parameters()), "lr": rate}]
    layers = layer_numbers(network)
    last = max(layers.values())
    params = defaultdict(list)
    for name, param in network.named_parameters():
        params[layers[name]].append(param)
    return [
        {"name": f"layer{i}", "params": params[i], "lr": rate * decay ** (last - i)}
        for i in range(last + 1)
        if params[i]
    ]


def layer_numbers(network: nn.Module) -> dict[str, int]:
    """Return the number of the layer, from 0, that each parameter of a network belongs to."""
    if isinstance(network, ResNet):
        return group_parameters(network, _RESNET, reverse=True)
    if hasattr(network, "group_matcher"):
        return group_parameters(network, network.group_matcher(coarse=False), reverse=True)
    numbers, layer = {}, -1
    for name, param in network.named_parameters():
        layer += param.dim() > 1
        numbers[name] = max(layer, 0)
    return numbers
