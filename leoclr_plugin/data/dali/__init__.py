"""Views made by NVIDIA DALI: each image is read and decoded once, then branches into its views."""

from __future__ import annotations

import importlib.util

from leoclr_plugin.errors import UserError

# The package of DALI has another name for each CUDA, so its module is looked for. On a CPU OpenCV
# changes the colours and blurs.
_REQUIRED_MODULES = {"NVIDIA DALI": "nvidia.dali", "OpenCV": "cv2"}


def has_dali() -> bool:
    """Whether NVIDIA DALI is installed, and OpenCV, which our graph uses on a CPU."""
    return all(map(_is_installed, _REQUIRED_MODULES.values()))


def require_dali() -> None:
    """Check that NVIDIA DALI is installed, and OpenCV, which our graph uses on a CPU.

    Raises:
        UserError: if one is missing; the message has the command that installs it.
    """
    for name, module in _REQUIRED_MODULES.items():
        if not _is_installed(module):
            raise UserError(
                f'{name} is not installed: pip install "leoclr-plugin[dali]" (Linux), or use '
                "data.format=image_folder"
            )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
