"""Checkpoint folders in the host's layout: ``*.ckpt`` with ``args.json`` beside it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from leoclr_plugin.checkpoints.finite import check_weights
from leoclr_plugin.data.views import view_size
from leoclr_plugin.errors import UserError, one_line, refused_values
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.system.files import read_json

# Of a pretraining's configuration, what every evaluator reads.
_NEEDED = ("method", "backbone.name", "data.dataset", "augmentations[0].crop_size")
# As torch's reader names what it does not run, in its versions from the least on.
_CODE = re.compile(r"(?:GLOBAL|Unsupported class) ([\w.]+)")


@dataclass(frozen=True)
class CheckpointFolder:
    """A run's folder: its newest checkpoint and the configuration it was trained with."""

    folder: Path
    checkpoint: Path
    cfg: DictConfig

    @classmethod
    def open(cls, path: str | Path) -> CheckpointFolder:
        """Find the checkpoint of the last epoch in a folder, and its ``args.json``.

        Args:
            path: the folder, or one of its checkpoints, which is taken then.

        Raises:
            UserError: where the folder, the checkpoint or ``args.json`` is not there, or that is no
                pretraining's.
        """
        path = Path(path)
        folder = path.parent if path.is_file() else path
        if not folder.is_dir():
            raise UserError(f"the checkpoint folder {folder} is not there")
        checkpoints = [path] if path.is_file() else sorted(folder.glob("*.ckpt"), key=_place)
        if not checkpoints:
            deeper = [path.parent for path in sorted(folder.rglob("*.ckpt"))]
            hint = f"; did you mean {deeper[-1]}?" if deeper else ""
            raise UserError(f"{folder} holds no checkpoint (*.ckpt){hint}")
        return cls(folder, checkpoints[-1], _configuration(folder / "args.json"))

    def load_method(self) -> nn.Module:
        """Build the method as it was trained, with its weights, in evaluation mode.

        Raises:
            UserError: for a method that the host lacks, weights of another one, and a backbone
                whose weights are not finite.
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
    """Read a checkpoint's tensors and plain values; code in it is refused.

    Raises:
        UserError: where it is not there, damaged, or needs more than ``weights_only=True``.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"the checkpoint {path} is not there") from error
    except OSError:
        raise
    # Bytes that are no checkpoint may be any error of torch's reader.
    except Exception as error:
        named = _CODE.search(str(error))
        reason = (
            f"it holds {named[1]}, which is code" if named else "it is damaged, or no checkpoint"
        )
        raise UserError(f"the checkpoint {path} cannot be read safely: {reason}") from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    tensors = state.values() if isinstance(state, dict) else [None]
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise UserError(f"{path} is not a checkpoint: it has no state_dict of tensors")
    return content


def load_state_dict(model: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights whose names and shapes must be the model's own.

    Buffers that come to be in a training may come besides: solo-learn's SwAV and DeepCluster v2
    register their queue and memory when it starts, and All4One's encoding fills its own later.

    Raises:
        UserError: with the first difference, where they are of another architecture or method.
    """
    owners = dict(model.named_modules())
    for key in state.keys() - model.state_dict().keys():
        of, _, name = key.rpartition(".")
        owner = owners.get(of)
        if owner is not None and (owner is model or name in owner._buffers):
            owner.register_buffer(name, torch.empty_like(state[key]))
    own = model.state_dict()
    for key in sorted(own.keys() | state.keys()):
        if key not in state:
            difference = f"it lacks {key}"
        elif key not in own:
            difference = f"it has {key} besides"
        elif own[key].shape != state[key].shape:
            shapes = f"{list(state[key].shape)}, not {list(own[key].shape)}"
            difference = f"{key} has the shape {shapes}"
        else:
            continue
        raise UserError(
            f"{path} is of another method, architecture or number of classes than its "
            f"configuration: {difference}"
        )
    model.load_state_dict(state)


def input_size(cfg: DictConfig) -> tuple[int, int]:
    """Height and width in pixels of the largest view that ``cfg`` was trained on.

    Of methods with small crops besides large ones that is a large crop, of leoclr with crops
    smaller than the original the original.
    """
    return max(map(view_size, cfg.augmentations), key=math.prod)


def epoch_of(path: Path) -> int:
    """The epoch, from 0, that a checkpoint's name says; -1 where it says none."""
    match = re.search(r"ep=(\d+)", path.name)
    return int(match.group(1)) if match else -1


def _configuration(path: Path) -> DictConfig:
    try:
        args = read_json(path)
        cfg = OmegaConf.create(args if isinstance(args, dict) else {})
    except FileNotFoundError as error:
        raise UserError(
            f"{path.parent} lacks args.json, the configuration that is written beside a checkpoint"
        ) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from error
    for key in _NEEDED:
        if OmegaConf.select(cfg, key) is None:
            raise UserError(
                f"{path} has no {key}: it is not the configuration of a pretraining, by leoclr or "
                "by solo-learn's scripts with Hydra"
            )
    return cfg


def _place(path: Path) -> tuple[int, str]:
    return epoch_of(path), path.name
