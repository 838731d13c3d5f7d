"""Measure the speed of training steps or of the data loader, compared within one run."""

from __future__ import annotations

import argparse
import json
from typing import Any

from leoclr_plugin.commands.shared import add_source_arguments, positive, source_keys
from leoclr_plugin.terminal import say_text

EXAMPLE = "leoclr bench step --backbone resnet18 --batch-size 64 --size 64 --json"
_DATA_EXAMPLE = "leoclr bench data --data datasets/imagenette2-160/train --device cpu --compare"

_NEEDS = {
    "dali": "NVIDIA DALI",
    "host_dali": "the real solo-learn, NVIDIA DALI and one folder of images",
    "torchvision": "images in files of their own",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    step = what.add_parser(
        "step",
        help="compare a training step of leoclr with one of the host's mocov2plus",
        epilog=f"example:\n  {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    step.add_argument("--backbone", default="resnet18", help="name of the backbone")
    step.add_argument("--batch-size", type=positive, default=64, help="images per batch")
    step.add_argument("--size", type=positive, default=64, help="height and width in pixels")
    step.add_argument(
        "--precision", choices=("32", "bf16-mixed"), default="32", help="precision of Lightning"
    )
    step.add_argument("--steps", type=positive, default=10, help="timed steps per method")
    step.add_argument(
        "--options", action="store_true", help="time leoclr with each of its options as well"
    )
    step.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    step.set_defaults(measure=_step)

    data = what.add_parser(
        "data",
        help="measure how many images per second get their three views",
        epilog=f"example:\n  {_DATA_EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data.add_argument(
        "--data",
        nargs="+",
        required=True,
        metavar="PATH",
        help="folder of images, or what else data.train_path can name",
    )
    add_source_arguments(data)
    data.add_argument(
        "--format",
        choices=("image_folder", "dali"),
        default="image_folder",
        help="loader to measure, as in data.format",
    )
    data.add_argument(
        "--device", choices=("cpu", "gpu"), default="cpu", help="where the views are finished"
    )
    data.add_argument(
        "--compare",
        action="store_true",
        help="also time other loaders and upper bounds, in turn with this one",
    )
    data.add_argument("--size", type=positive, default=224, help="height and width in pixels")
    data.add_argument("--batch-size", type=positive, default=32, help="images per batch")
    data.add_argument("--workers", type=positive, default=2, help="threads that load")
    data.add_argument("--rounds", type=positive, default=5, help="timed rounds per loader")
    data.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    data.set_defaults(measure=_data)


def run(args: argparse.Namespace) -> None:
    """Measure the speed and print it."""
    result, lines = args.measure(args)
    say_text(json.dumps(result, indent=2) if args.json else "\n".join(lines))


def _step(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from leoclr_plugin.bench.step import step_benchmark

    result = step_benchmark(
        args.backbone, args.batch_size, args.size, args.precision, args.steps, args.options
    )
    lines = []
    for name, seconds in result["seconds_per_step"].items():
        ratio = result["option_ratios"].get(name)
        lines.append(
            f"{name:15} {seconds['median']:.4f} s a step ({seconds['min']:.4f} to "
            f"{seconds['max']:.4f}), peak {result['peak_mib'][name]:.0f} MiB"
            + (f"; {ratio['median']:.3f} of leoclr's without it" if ratio else "")
        )
    ratio = result["ratio"]
    lines.append(
        f"leoclr / mocov2plus: {ratio['median']:.3f} ({ratio['min']:.3f} to {ratio['max']:.3f}); "
        "by operation count 0.625"
    )
    return result, lines


def _data(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from leoclr_plugin.bench.data import data_benchmark

    result = data_benchmark(
        {"train_path": args.data, **source_keys(args)},
        args.format,
        args.device,
        args.compare,
        size=args.size,
        batch_size=args.batch_size,
        workers=args.workers,
        rounds=args.rounds,
    )
    lines = []
    for name, speed in result["images_per_second"].items():
        if speed is None:
            lines.append(f"{name:14} not measured: it needs {_NEEDS[name]}")
            continue
        low, high = result["spread"][name]
        ratio = result["ratios"].get(name)
        times = f"; three_views is {ratio:.2f} times that" if ratio else ""
        lines.append(f"{name:14} {speed:.1f} images/s ({low:.1f} to {high:.1f}){times}")
    return result, lines
