"""Write a checkpoint's backbone for other libraries."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import add_checkpoint_argument

EXAMPLE = "leoclr export trained_models/leoclr/offline-1a2b3c4d --format timm"
_FORMATS = {
    "timm": "load it with timm.create_model({timm})",
    "torchvision": "load it with load_state_dict, its fc replaced by nn.Identity()",
    "safetensors": "load it with safetensors.torch.load_file",
    "onnx": "images [batch, 3, height, width] to features [batch, F]",
    "detectron2": (
        "name it in MODEL.WEIGHTS, with INPUT.FORMAT RGB, MODEL.PIXEL_MEAN and PIXEL_STD 255 "
        "times the training's, MODEL.RESNETS.STRIDE_IN_1X1 False"
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    parser.add_argument("--format", choices=tuple(_FORMATS), required=True)
    parser.add_argument(
        "--out", type=Path, help="file (default: backbone-FORMAT beside the checkpoint)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the file and say how to use it."""
    from leoclr_plugin.evaluation.checkpoint import CheckpointFolder
    from leoclr_plugin.export.formats import export, timm_name

    source = CheckpointFolder.open(args.checkpoint_dir)
    path = export(source, args.format, args.out)
    more = {"num_classes": 0, **source.cfg.backbone.get("kwargs", {}), "checkpoint_path": str(path)}
    timm = ", ".join([repr(timm_name(source.cfg)), *(f"{k}={v!r}" for k, v in more.items())])
    print(f"Written to {path}; {_FORMATS[args.format].format(timm=timm)}")
