"""Show the host and why it is used, the installed packages, and how to install missing ones."""

from __future__ import annotations

import argparse

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
    print(f"leoclr-plugin {machine['leoclr']}, Python {machine['python']}")
    print(f"host          {host().name}: {host().reason}")
    print(f"              {host().location}")
    if host().name == "bundled":
        print("              to install solo-learn itself: leoclr host install")
    methods = sorted(name for name in METHODS if name not in ("base", "linear"))
    print(f"methods       {', '.join(methods)}")
    print(f"CPU           {machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads")
    if torch.cuda.is_available():
        print(f"GPU           {machine['gpu']} (CUDA {torch.version.cuda})")
    else:
        print("GPU           none: training runs on the CPU")
    for name, how in (("image_folder", how_threads_load()), ("dali", how_dali_loads())):
        print(f"loading       data.format={name}: {how}")
    width = max(map(len, (*PACKAGES, *OPTIONAL_PACKAGES))) + 1
    for name in PACKAGES:
        print(f"{name:{width}}{version_of(name) or 'missing: pip install ' + name}")
    for name in OPTIONAL_PACKAGES:
        print(f"{name:{width}}{version_of(name) or 'not installed: ' + _INSTALL_COMMANDS[name]}")
