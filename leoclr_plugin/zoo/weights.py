"""A backbone's weights as safetensors: numbers and their names, and nothing that can run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from leoclr_plugin.errors import UserError

State = dict[str, torch.Tensor]


def write_weights(
    state: Mapping[str, torch.Tensor], path: Path, about: Mapping[str, str], half: bool = False
) -> None:
    """Write a state dict to ``path``.

    Args:
        state: tensors by name.
        path: of the file.
        about: what the file's header says of it, as JSON under ``about``.
        half: floating point numbers as float16.
    """
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).contiguous()
        for name, value in state.items()
    }
    # One entry: safetensors writes several in an order of chance, and the same weights would have
    # another SHA-256 each time.
    header = {"about": json.dumps(dict(about), sort_keys=True)}
    # Not by save_file, which since safetensors 0.8 makes files for their owner's eyes alone.
    path.write_bytes(save(tensors, header))


def read_weights(path: Path) -> State:
    """Read a state dict; floating point numbers become float32.

    Raises:
        UserError: where the file is not whole, or no safetensors at all.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read as safetensors: {error}") from error
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }
