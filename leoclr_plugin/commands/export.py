"""Write a checkpoint's backbone in the format of another library."""

from __future__ import annotations

import argparse
from pathlib import Path

from leoclr_plugin.commands.shared import add_checkpoint_argument
from leoclr_plugin.terminal import say

EXAMPLE = "leoclr export trained_models/leoclr/offline-1a2b3c4d --format timm"
# How to use the file of each format.
_USAGE = {
    "timm": "load it with timm.create_model({timm})",
    "torchvision": (
        "replace the fc of torchvision's network by nn.Identity(), then load it with "
        "load_state_dict"
    ),
    "safetensors": "load it with safetensors.torch.load_file",
    "onnx": "it maps images [batch, 3, height, width] to features [batch, F]",
    "detectron2": (
        "name it in MODEL.WEIGHTS; set INPUT.FORMAT to RGB, MODEL.PIXEL_MEAN and "
        "MODEL.PIXEL_STD to 255 times the training's values, and MODEL.RESNETS.STRIDE_IN_1X1 "
        "to False"
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_checkpoint_argument(parser)
    parser.add_argument(
        "--format", choices=tuple(_USAGE), required=True, help="library that will read the file"
    )
    parser.add_argument(
        "--out", type=Path, help="file to write (default: backbone-FORMAT beside the checkpoint)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the file and print how to use it."""
    from leoclr_plugin.checkpoints.reading import CheckpointFolder
    from leoclr_plugin.export.formats import export
    from leoclr_plugin.host.timm_networks import timm_name

    source = CheckpointFolder.open(args.checkpoint_dir)
    path = export(source, args.format, args.out)
    kwargs = {
        "num_classes": 0,
        **source.cfg.backbone.get("kwargs", {}),
        "checkpoint_path": str(path),
    }
    arguments = [
        repr(timm_name(source.cfg.backbone.name)),
        *(f"{k}={v!r}" for k, v in kwargs.items()),
    ]
    say(f"Written to {path}; {_USAGE[args.format].format(timm=', '.join(arguments))}")
