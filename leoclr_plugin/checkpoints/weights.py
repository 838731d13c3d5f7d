"""Write and read a backbone's weights as safetensors, a format that cannot contain code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.errors import UserError

State = dict[str, torch.Tensor]


def write_weights(
    state: Mapping[str, torch.Tensor], path: Path, about: Mapping[str, str], half: bool = False
) -> None:
    """Write a state dict to ``path``.

    Args:
        state: tensors by name.
        path: path of the file.
        about: description that is written into the file's header, as JSON under ``about``.
        half: whether to write floating point numbers as float16.

    Raises:
        UserError: if a tensor is not finite, as float16 if that is what is written.
    """
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).contiguous()
        for name, value in state.items()
    }
    check_weights(tensors, f"{path.name}{' in half precision' if half else ''}")
    # Use one header entry: safetensors writes several in random order, so the same weights would
    # get a different SHA-256 each time.
    header = {"about": json.dumps(dict(about), sort_keys=True)}
    # Do not use save_file: since safetensors 0.8 only the owner can read the files it writes.
    path.write_bytes(save(tensors, header))


def read_weights(path: Path) -> State:
    """Read a state dict. Floating point numbers become float32.

    Raises:
        UserError: when the file is incomplete or is not a safetensors file.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read as safetensors: {error}") from error
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }


def fingerprint(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of a state dict's names and values, as 64 hexadecimal digits.

    Files are not compared, because a checkpoint also holds the state of its training.
    """
    hashed = hashlib.sha256()
    for name, value in state.items():
        hashed.update(name.encode())
        hashed.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return hashed.hexdigest()
