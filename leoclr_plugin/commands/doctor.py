"""Say which host is used and why, what is installed, and the command that mends what is missing."""

from __future__ import annotations

import argparse

EXAMPLE = "leoclr doctor"
_MENDS = {
    "umap-learn": 'pip install "leoclr-plugin[umap]"',
    "matplotlib": 'pip install "leoclr-plugin[umap]"',
    "nvidia-dali-cuda130": 'pip install "leoclr-plugin[dali]"  (Linux)',
    "opencv-python-headless": 'pip install "leoclr-plugin[dali]"',
    "onnx": 'pip install "leoclr-plugin[onnx]"',
    "wandb": "pip install wandb",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This command has no arguments of its own."""


def run(args: argparse.Namespace) -> None:
    """Print the report."""
    import torch

    from leoclr_plugin.environment import OPTIONAL_PACKAGES, PACKAGES, environment, version_of
    from leoclr_plugin.host import host
    from leoclr_plugin.methods import METHODS

    here = environment()
    print(f"leoclr-plugin {here['leoclr']}, Python {here['python']}")
    print(f"host          {host().name}: {host().reason}")
    print(f"              {host().location}")
    if host().name == "bundled":
        print("              for the real one: leoclr host install")
    methods = sorted(name for name in METHODS if name not in ("base", "linear"))
    print(f"methods       {', '.join(methods)}")
    print(f"CPU           {here['cpu']}, {here['cores']} cores, {here['threads']} threads")
    if torch.cuda.is_available():
        print(f"GPU           {here['gpu']} (CUDA {torch.version.cuda})")
    else:
        print("GPU           none: training runs on the CPU")
    width = max(map(len, (*PACKAGES, *OPTIONAL_PACKAGES))) + 1
    for name in PACKAGES:
        print(f"{name:{width}}{version_of(name) or 'missing: pip install ' + name}")
    for name in OPTIONAL_PACKAGES:
        print(f"{name:{width}}{version_of(name) or 'not installed: ' + _MENDS[name]}")
