"""Start a training from given weights of the backbone (``backbone.weights``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.checkpoints.reading import load_safely
from leoclr_plugin.checkpoints.weights import State, read_weights
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.host import host
from leoclr_plugin.host.timm_networks import timm_network
from leoclr_plugin.terminal import tell

_TIMM = "timm"
# Files of other projects have the network's tensors under one of these keys, or at the top.
_STATES = ("state_dict", "model", "teacher", "student")
# Their names begin with one of these, or with nothing.
_PREFIXES = ("", "backbone.", "module.", "model.", "encoder_q.", "module.encoder_q.", "encoder.")


def start_from_weights(model: nn.Module, cfg: DictConfig) -> None:
    """Load ``backbone.weights`` into a method's backbone, and into its momentum backbone.

    A printed line says how many tensors matched by name and shape.

    Args:
        model: one of the host's methods.
        cfg: its configuration. ``backbone.weights`` is a safetensors file, a checkpoint of torch
            with tensors only, or ``timm``.

    Raises:
        UserError: if the weights cannot be read or none matches; if only a part matches and
            ``backbone.weights_partial`` is False; if a tensor is not finite.
    """
    given = OmegaConf.select(cfg, "backbone.weights")
    if not given:
        return
    state = _of_timm(cfg) if given == _TIMM else _of_file(Path(given))
    expected = model.backbone.state_dict()
    matching = max((_matching(state, expected, prefix) for prefix in _PREFIXES), key=len)
    counted = f"{len(matching)} of the {len(expected)} tensors of {cfg.backbone.name}"
    if not matching:
        raise UserError(
            f"backbone.weights={given} has none of the {len(expected)} tensors of "
            f"{cfg.backbone.name}; give weights of this network, or correct backbone.name"
        )
    missing = sorted(expected.keys() - matching.keys())
    if missing and not cfg.backbone.get("weights_partial"):
        raise UserError(
            f"backbone.weights={given} has only {counted}, and not {missing[0]}; give weights of "
            "this network, or set backbone.weights_partial=True to start the others at random"
        )
    check_weights(matching, f"backbone.weights={given}")
    model.backbone.load_state_dict({**expected, **matching})
    if hasattr(model, "momentum_backbone"):
        host().initialize_momentum_params(model.backbone, model.momentum_backbone)
        # The averages of batch norm are no parameters, so the host leaves them as they are.
        model.momentum_backbone.load_state_dict(model.backbone.state_dict())
    tell(f"Starting from {given}: {counted} match")


def _matching(state: State, expected: Mapping[str, torch.Tensor], prefix: str) -> State:
    return {
        name: state[prefix + name]
        for name, tensor in expected.items()
        if prefix + name in state and state[prefix + name].shape == tensor.shape
    }


def _of_file(path: Path) -> State:
    if not path.is_file():
        zoo = "; give zoo:NAME on the command line" if str(path).startswith("zoo:") else ""
        raise UserError(f"backbone.weights={path} is not a file{zoo}")
    if path.suffix == ".safetensors":
        return read_weights(path)
    content: Any = load_safely(path)
    for key in _STATES:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise UserError(f"backbone.weights={path} holds no tensors by name")
    return {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _of_timm(cfg: DictConfig) -> State:
    try:
        return timm_network(
            cfg.backbone.name, pretrained=True, num_classes=0, **cfg.backbone.kwargs
        ).state_dict()
    # An unknown name, no pretrained weights or no network: each has an error of its own.
    except Exception as error:
        raise UserError(
            f"backbone.weights=timm: timm gives no weights of {cfg.backbone.name}: "
            f"{one_line(error)}; download them elsewhere and name the file"
        ) from error
