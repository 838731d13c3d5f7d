"""Checkpoint folders in the host's layout: a ``*.ckpt`` and its ``args.json``."""

from __future__ import annotations

import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.data.views import take_normalization, view_size
from leoclr_plugin.errors import UserError, one_line, refused_values
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.system.files import read_json

# Every evaluator reads these keys of the pretraining's configuration.
_REQUIRED_KEYS = ("method", "backbone.name", "data.dataset", "augmentations[0].crop_size")
# The supported versions of torch name code that they refuse to run in one of these two ways.
_REFUSED_CODE = re.compile(r"(?:GLOBAL|Unsupported class) ([\w.]+)")


@dataclass(frozen=True)
class CheckpointFolder:
    """A run's folder, one of its checkpoints, and the configuration it was trained with."""

    folder: Path
    checkpoint: Path
    cfg: DictConfig

    @classmethod
    def open(cls, path: str | Path) -> CheckpointFolder:
        """Open a run's folder with the checkpoint of its last epoch.

        Args:
            path: the folder, or one of its checkpoints to take instead of the last.

        Raises:
            UserError: if the folder, the checkpoint or ``args.json`` is missing, or if
                ``args.json`` is not the configuration of a pretraining.
        """
        path = Path(path)
        folder = path.parent if path.is_file() else path
        if not folder.is_dir():
            raise UserError(f"the checkpoint folder {folder} is not there")
        checkpoints = [path] if path.is_file() else sorted(folder.glob("*.ckpt"), key=_order)
        if not checkpoints:
            deeper = [path.parent for path in sorted(folder.rglob("*.ckpt"))]
            hint = f"; did you mean {deeper[-1]}?" if deeper else ""
            raise UserError(f"{folder} holds no checkpoint (*.ckpt){hint}")
        return cls(folder, checkpoints[-1], _read_configuration(folder / "args.json"))

    def load_method(self) -> nn.Module:
        """Build the trained method with its weights, in evaluation mode.

        Raises:
            UserError: if the host does not have the method, if the weights belong to another
                method, or if weights of the backbone are not finite.
        """
        name = self.cfg.get("method")
        if name not in METHODS:
            raise UserError(
                f"{self.folder}/args.json names the method {name}, which the {host().name} host "
                "does not have"
            )
        with refused_values(f"{self.folder}/args.json", AttributeError, KeyError):
            model = METHODS[name](self.cfg)
        load_state_dict(model, read_checkpoint(self.checkpoint)["state_dict"], self.checkpoint)
        check_weights(model.backbone.state_dict(), self.checkpoint)
        return model.eval()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint with a ``state_dict`` of tensors, as ``load_safely`` does.

    Raises:
        UserError: if the file is missing, damaged, contains code, or has no ``state_dict``.
    """
    content = load_safely(path)
    state = content.get("state_dict") if isinstance(content, dict) else None
    tensors = state.values() if isinstance(state, dict) else [None]
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise UserError(f"{path} is not a checkpoint: it has no state_dict of tensors")
    return content


def load_safely(path: Path) -> Any:
    """Read a file of torch's tensors and plain values without running code from it.

    Raises:
        UserError: if the file is missing, damaged, or contains code.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        _check_sums(path)
        return content
    except FileNotFoundError as error:
        raise UserError(f"the checkpoint {path} is not there") from error
    except OSError:
        raise
    # A damaged file can raise any kind of error in torch's reader.
    except Exception as error:
        code = _REFUSED_CODE.search(str(error))
        reason = (
            f"it holds {code[1]}, which is code" if code else "it is damaged, or not a checkpoint"
        )
        raise UserError(f"the checkpoint {path} cannot be read safely: {reason}") from error


def _check_sums(path: Path) -> None:
    # torch writes checksums and does not read them, so it takes tensors of damaged bytes.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")


def load_state_dict(model: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights into a model that must have the same names and shapes.

    The weights may also have buffers that a training adds to its model: solo-learn's SwAV and
    DeepCluster v2 register their queue and memory when a training starts, and All4One fills an
    empty buffer later.

    Raises:
        UserError: if the weights belong to another architecture or method; it names the first
            difference.
    """
    modules = dict(model.named_modules())
    for key in state.keys() - model.state_dict().keys():
        prefix, _, name = key.rpartition(".")
        owner = modules.get(prefix)
        if owner is not None and (owner is model or name in owner._buffers):
            owner.register_buffer(name, torch.empty_like(state[key]))
    expected = model.state_dict()
    for key in sorted(expected.keys() | state.keys()):
        if key not in state:
            difference = f"it lacks {key}"
        elif key not in expected:
            difference = f"it also has {key}"
        elif expected[key].shape != state[key].shape:
            shapes = f"{list(state[key].shape)}, not {list(expected[key].shape)}"
            difference = f"{key} has the shape {shapes}"
        else:
            continue
        raise UserError(
            f"{path} is of another method, architecture or number of classes than its "
            f"configuration: {difference}"
        )
    model.load_state_dict(state)


def input_size(cfg: DictConfig) -> tuple[int, int]:
    """Return the height and width in pixels of the largest view in ``cfg``.

    For a method with large and small crops this is a large crop. For leoclr it is the original if
    the crops are smaller.
    """
    return max(map(view_size, cfg.augmentations), key=math.prod)


def epoch_of(path: Path) -> int:
    """Return the epoch in a checkpoint's name, counted from 0; -1 if the name has none."""
    match = re.search(r"ep=(\d+)", path.name)
    return int(match.group(1)) if match else -1


def _read_configuration(path: Path) -> DictConfig:
    try:
        cfg = OmegaConf.create(read_json(path))
    except FileNotFoundError as error:
        raise UserError(
            f"{path.parent} lacks args.json, the configuration that a training writes there"
        ) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from error
    for key in _REQUIRED_KEYS:
        if OmegaConf.select(cfg, key) is None:
            raise UserError(
                f"{path} has no {key}: it is not the configuration of a pretraining with leoclr or "
                "with solo-learn's Hydra scripts"
            )
    take_normalization(cfg)
    return cfg


def _order(path: Path) -> tuple[int, str]:
    return epoch_of(path), path.name
