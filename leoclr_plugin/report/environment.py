"""Describe what a measured figure depends on: commit, versions and hardware."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from leoclr_plugin.host import host
from leoclr_plugin.version import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "timm",
    "torchmetrics",
    "hydra-core",
    "omegaconf",
    "scikit-learn",
    "numpy",
    "pillow",
)
OPTIONAL_PACKAGES = (
    "umap-learn",
    "matplotlib",
    "nvidia-dali-cuda130",
    "opencv-python-headless",
    "onnx",
    "pyarrow",
    "faiss-cpu",
    "h5py",
    "datasets",
    "imagecorruptions-imaug",
    "wandb",
)
# Other distributions of the same modules: DALI for another CUDA version, and OpenCV with graphical
# windows or with more modules.
_ALTERNATIVES = {
    "nvidia-dali-cuda130": ("nvidia-dali-cuda120",),
    "opencv-python-headless": (
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
}


def version_of(package: str) -> str | None:
    """Return the installed version of a distribution, or None when it is not installed.

    When another distribution of the same modules is installed, the version is followed by its
    name: ``"4.10 (opencv-python)"``.
    """
    for name in (package, *_ALTERNATIVES.get(package, ())):
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(name)
            return version if name == package else f"{version} ({name})"
    return None


def environment() -> dict[str, Any]:
    """Describe the machine, the versions, the host and the commit as JSON values."""
    versions = {name: version_of(name) for name in (*PACKAGES, *OPTIONAL_PACKAGES)}
    return {
        "leoclr": __version__,
        "commit": _commit(),
        "host": host().name,
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version},
        # Processors in the cloud often have vague names, so add the instruction set, which the
        # speed depends on most.
        "cpu": f"{_cpu_name()} with {torch.backends.cpu.get_cpu_capability()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _commit() -> str | None:
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"]
    # The path is that of this checkout, and no shell reads it.
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # nosec B603
    return result.stdout.strip() or None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
