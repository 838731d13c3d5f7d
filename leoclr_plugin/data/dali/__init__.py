"""Views by NVIDIA DALI: one read and one decode an image, a branch for each view."""

from __future__ import annotations

import importlib.util

from leoclr_plugin.errors import UserError

# DALI for whichever CUDA; OpenCV for colours and blur on a CPU.
_NEEDED = {"NVIDIA DALI": "nvidia.dali", "OpenCV": "cv2"}


def has_dali() -> bool:
    """Whether NVIDIA DALI, and the OpenCV that its graph has on a CPU, are installed."""
    return all(map(_installed, _NEEDED.values()))


def require_dali() -> None:
    """Check that NVIDIA DALI, and the OpenCV that its graph has on a CPU, are installed.

    Raises:
        UserError: with the command that installs them.
    """
    for name, module in _NEEDED.items():
        if not _installed(module):
            raise UserError(
                f'{name} is not installed: pip install "leoclr-plugin[dali]" (Linux), or use '
                "data.format=image_folder"
            )


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
