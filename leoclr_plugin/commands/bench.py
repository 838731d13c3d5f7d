"""Measure speed as a ratio of two things interleaved in one run."""

from __future__ import annotations

import argparse
import json

from leoclr_plugin.commands.shared import positive

EXAMPLE = "leoclr bench step --backbone resnet18 --batch-size 64 --size 64 --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    step = what.add_parser(
        "step",
        help="a training step of leoclr against one of the host's mocov2plus",
        epilog=f"example:\n  {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    step.add_argument("--backbone", default="resnet18")
    step.add_argument("--batch-size", type=positive, default=64)
    step.add_argument("--size", type=positive, default=64, help="height and width in pixels")
    step.add_argument("--precision", choices=("32", "bf16-mixed"), default="32")
    step.add_argument("--steps", type=positive, default=10, help="timed steps of each method")
    step.add_argument("--json", action="store_true", help="print the figures as JSON alone")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    from leoclr_plugin.benchmarks.step import step_benchmark

    result = step_benchmark(args.backbone, args.batch_size, args.size, args.precision, args.steps)
    if args.json:
        print(json.dumps(result, indent=2))
        return
    for name, seconds in result["seconds_per_step"].items():
        spread = f"{seconds['min']:.4f} to {seconds['max']:.4f}"
        print(f"{name:11} {seconds['median']:.4f} s a step ({spread})")
    ratio = result["ratio"]
    print(
        f"leoclr / mocov2plus: {ratio['median']:.3f} ({ratio['min']:.3f} to {ratio['max']:.3f}); "
        "by operation count 0.625"
    )
