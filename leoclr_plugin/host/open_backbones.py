"""The table of a host's backbones, opened to every model of timm and to classes of one's own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import timm
from torch import nn

from leoclr_plugin.errors import UserError, one_line

Constructor = Callable[..., nn.Module]
# torchvision's ResNets and solo-learn's own have three channels and no argument for others.
_RESNETS = ("resnet", "wide_resnet")


class OpenBackbones(dict[str, Constructor]):
    """The host's constructors by name; other names are looked up when they are asked for.

    A name of timm, with or without a tag of pretrained weights, gives that model. A name with dots
    is the path of a class or function of one's own, such as ``my_package.networks.SmallNet``. It
    is called with ``backbone.kwargs`` and returns a module with ``num_features``, which turns
    images ``[N, C, H, W]`` into features ``[N, num_features]``.

    ResNets of the table take ``in_chans`` too, the number of channels of the images.

    Attributes:
        others: says for error messages which names are known besides those of the table.
    """

    others = "a model of timm, or the path of a class such as my_package.SmallNet"

    def __init__(self, constructors: dict[str, Constructor]) -> None:
        super().__init__(
            {
                name: _of_any_channels(build) if name.startswith(_RESNETS) else build
                for name, build in constructors.items()
            }
        )

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or _constructor(name) is not None

    def __missing__(self, name: str) -> Constructor:
        constructor = _constructor(name)
        if constructor is None:
            raise KeyError(name)
        return constructor


def _constructor(name: object) -> Constructor | None:
    if not isinstance(name, str):
        return None
    if timm.is_model(name.partition(".")[0]):
        return _of_timm(name)
    return _of_class(name) if "." in name else None


def takes_in_chans(name: str) -> bool:
    """Whether a network is told the number of channels by ``in_chans``, as timm's networks are.

    A class of one's own may have no such argument, because it knows its number of channels.
    """
    if timm.is_model(name.partition(".")[0]) or "." not in name:
        return True
    module, _, attribute = name.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters
    kinds = [parameter.kind for parameter in parameters.values()]
    return "in_chans" in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def _of_any_channels(build: Constructor) -> Constructor:
    def build_with_channels(method: str, in_chans: int = 3, **kwargs: Any) -> nn.Module:
        network = build(method, **kwargs)
        if in_chans != 3:
            old = network.conv1
            network.conv1 = nn.Conv2d(
                in_chans,
                old.out_channels,
                old.kernel_size,
                old.stride,
                old.padding,
                bias=old.bias is not None,
            )
            # torchvision's ResNet starts all its convolutions like this.
            nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        return network

    return build_with_channels


def _of_timm(name: str) -> Constructor:
    def build(method: str, **kwargs: Any) -> nn.Module:
        model = timm.create_model(name, num_classes=0, **kwargs)
        # Some models have a layer between what timm calls features and the classifier.
        width = getattr(model, "head_hidden_size", model.num_features)
        model.num_features = width
        if name.startswith("resnet"):
            # solo-learn reads this attribute of every network with such a name.
            model.inplanes = width
        return model

    return build


def _of_class(name: str) -> Constructor | None:
    module, _, attribute = name.rpartition(".")
    try:
        target = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"backbone.name={name} is no model of timm, and no class can be imported from there: "
            f"{one_line(error)}; correct the name, or put its folder on PYTHONPATH"
        ) from error

    def build(method: str, **kwargs: Any) -> nn.Module:
        network = target(**kwargs)
        if not isinstance(network, nn.Module) or not isinstance(
            getattr(network, "num_features", None), int
        ):
            raise UserError(
                f"backbone.name={name} must give a torch.nn.Module with num_features, the "
                "dimension of its features"
            )
        return network

    return build
