"""Show the host and why it is used, the installed packages, and how to install missing ones."""

from __future__ import annotations

import argparse

from leoclr_plugin.terminal import say

EXAMPLE = "leoclr doctor"
_INSTALL_COMMANDS = {
    "umap-learn": 'pip install "leoclr-plugin[umap]"',
    "matplotlib": 'pip install "leoclr-plugin[umap]"',
    "nvidia-dali-cuda130": 'pip install "leoclr-plugin[dali]"  (Linux)',
    "opencv-python-headless": 'pip install "leoclr-plugin[opencv]"',
    "onnx": 'pip install "leoclr-plugin[onnx]"',
    "pyarrow": 'pip install "leoclr-plugin[embed]"',
    "faiss-cpu": 'pip install "leoclr-plugin[pairs]"',
    "h5py": 'pip install "leoclr-plugin[h5]"',
    "datasets": 'pip install "leoclr-plugin[datasets]"',
    "imagecorruptions-imaug": 'pip install "leoclr-plugin[robustness]"',
    "wandb": "pip install wandb",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: this command has no arguments of its own."""


def run(args: argparse.Namespace) -> None:
    """Print the report."""
    import torch

    from leoclr_plugin.host import host
    from leoclr_plugin.methods import METHODS
    from leoclr_plugin.report.environment import (
        OPTIONAL_PACKAGES,
        PACKAGES,
        environment,
        version_of,
    )
    from leoclr_plugin.training.loading import how_dali_loads, how_threads_load

    machine = environment()
    say(f"leoclr-plugin {machine['leoclr']}, Python {machine['python']}")
    say(f"host          {host().name}: {host().reason}")
    say(f"              {host().location}")
    if host().name == "bundled":
        say("              to install solo-learn itself: leoclr host install")
    methods = sorted(name for name in METHODS if name not in ("base", "linear"))
    say(f"methods       {', '.join(methods)}")
    say(f"CPU           {machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads")
    if torch.cuda.is_available():
        say(f"GPU           {machine['gpu']} (CUDA {torch.version.cuda})")
    else:
        say("GPU           none: training runs on the CPU")
    for name, how in (("image_folder", how_threads_load()), ("dali", how_dali_loads())):
        say(f"loading       data.format={name}: {how}")
    width = max(map(len, (*PACKAGES, *OPTIONAL_PACKAGES))) + 1
    for name in PACKAGES:
        say(f"{name:{width}}{version_of(name) or 'missing: pip install ' + name}")
    for name in OPTIONAL_PACKAGES:
        say(f"{name:{width}}{version_of(name) or 'not installed: ' + _INSTALL_COMMANDS[name]}")
