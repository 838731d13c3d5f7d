"""Write a run's backbone for timm, torchvision, safetensors, ONNX runtimes and detectron2."""

from __future__ import annotations

import io
import pickle  # nosec B403 # written for detectron2, and never read
import re
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.checkpoints.backbone import backbone_state
from leoclr_plugin.checkpoints.reading import CheckpointFolder, input_size
from leoclr_plugin.checkpoints.weights import write_weights
from leoclr_plugin.data.levels import channels_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.host.timm_networks import timm_network
from leoclr_plugin.system.files import whole_file


def export(source: CheckpointFolder, form: str, out: Path | None = None) -> Path:
    """Write the backbone of ``source``. A failure leaves no partial file behind.

    Args:
        source: a run's folder.
        form: one of ``FORMATS``.
        out: file to write; by default ``backbone-<format>`` beside the checkpoint.

    Returns:
        Path of the file.

    Raises:
        UserError: when the format does not know the network, or a package is not installed.
    """
    write, suffix = FORMATS[form]
    path = out or source.folder / f"backbone-{form}{suffix}"
    if not path.parent.is_dir():
        raise UserError(f"--out {path}: the folder {path.parent} is not there; make it first")
    with whole_file(path) as part:
        write(source, part)
    return path


def _timm(source: CheckpointFolder, path: Path) -> None:
    build = partial(timm_network, source.cfg.backbone.name)
    _save(_checked_state("timm", source, build), path)


def _torchvision(source: CheckpointFolder, path: Path) -> None:
    _save(_checked_state("torchvision", source, _torchvision_builder(source)), path)


def _save(state: dict[str, torch.Tensor], path: Path) -> None:
    # Serialise in memory first: on a full disk torch.save reports an "unexpected pos" and not
    # that the disk is full.
    content = io.BytesIO()
    torch.save(state, content)
    # Copy the bytes with getvalue. With getbuffer, an exception that keeps the buffer alive can
    # crash the garbage collector of Python 3.12.
    path.write_bytes(content.getvalue())


def _torchvision_builder(source: CheckpointFolder) -> Callable[..., nn.Module]:
    return partial(torchvision.models.get_model, source.cfg.backbone.name)


def _checked_state(
    library: str, source: CheckpointFolder, build: Callable[..., nn.Module]
) -> dict[str, torch.Tensor]:
    """Return the backbone's weights after checking that the library's network accepts them."""
    cfg, state = source.cfg, backbone_state(source)
    try:
        library_state = build(**cfg.backbone.get("kwargs", {})).state_dict()
    except (TypeError, ValueError, RuntimeError) as error:
        network = f"{cfg.backbone.name}{_arguments(cfg)}"
        raise UserError(f"{library} has no {network}; export it as safetensors or onnx") from error
    # Only check the backbone's own weights: the library's network also has a classifier.
    different = {
        name
        for name, value in state.items()
        if name not in library_state or library_state[name].shape != value.shape
    }
    if different:
        raise UserError(
            f"{library}'s {cfg.backbone.name} is a different network: {min(different)} differs "
            "(solo-learn changes the first layers for cifar); export it as safetensors or onnx"
        )
    return state


def _arguments(cfg: DictConfig) -> str:
    given = ", ".join(f"{name}={value}" for name, value in cfg.backbone.get("kwargs", {}).items())
    return f" with {given}" if given else ""


def _safetensors(source: CheckpointFolder, path: Path) -> None:
    cfg = source.cfg
    about = {"method": cfg.method, "backbone": cfg.backbone.name, "dataset": cfg.data.dataset}
    write_weights(backbone_state(source), path, about)


def _onnx(source: CheckpointFolder, path: Path) -> None:
    backbone = source.load_method().backbone
    images = torch.zeros(2, channels_of(source.cfg.data), *input_size(source.cfg))
    batch = {"images": {0: "batch"}, "features": {0: "batch"}}
    try:
        import onnx

        with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
            # torch warns that later versions rename some of these arguments.
            warnings.simplefilter("ignore")
            graph = Path(temporary) / "graph.onnx"
            torch.onnx.export(
                backbone,
                (images,),
                str(graph),
                input_names=["images"],
                output_names=["features"],
                dynamic_axes=batch,
                verbose=False,
            )
            # torch may write the weights to a second file. Loading and saving joins them.
            onnx.save(onnx.load(graph), path)
    except ImportError as error:
        raise UserError(
            f"ONNX needs {error.name}, which is not installed; "
            'run: pip install "leoclr-plugin[onnx]"'
        ) from error


def _detectron2(source: CheckpointFolder, path: Path) -> None:
    # detectron2's ResNets are torchvision's with other names for the weights.
    state = _checked_state("detectron2", source, _torchvision_builder(source))
    renamed = {_detectron2_name(name): value.numpy() for name, value in state.items()}
    model = {k: v for k, v in renamed.items() if not k.endswith("num_batches_tracked")}
    content = {"model": model, "__author__": "leoclr-plugin", "matching_heuristics": True}
    with path.open("wb") as file:
        pickle.dump(content, file)


def _detectron2_name(name: str) -> str:
    """Translate a name: ``layer1.0.bn2.weight`` becomes ``res2.0.conv2.norm.weight``."""
    name = re.sub(r"^layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
    if not name.startswith("res"):
        name = f"stem.{name}"
    name = re.sub(r"\bbn(\d)", r"conv\1.norm", name)
    return name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")


FORMATS: dict[str, tuple[Callable[[CheckpointFolder, Path], Any], str]] = {
    "timm": (_timm, ".pth"),
    "torchvision": (_torchvision, ".pth"),
    "safetensors": (_safetensors, ".safetensors"),
    "onnx": (_onnx, ".onnx"),
    "detectron2": (_detectron2, ".pkl"),
}
