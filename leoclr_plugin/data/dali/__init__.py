"""Views from one NVIDIA DALI graph: one read and one decode an image, a branch for each view."""

from __future__ import annotations

import importlib.util

from leoclr_plugin.errors import UserError


def has_dali() -> bool:
    """Whether NVIDIA DALI is installed, for whichever CUDA."""
    try:
        return importlib.util.find_spec("nvidia.dali") is not None
    except ModuleNotFoundError:
        return False


def require_dali() -> None:
    """Check that NVIDIA DALI is installed.

    Raises:
        UserError: with the command that installs it.
    """
    if not has_dali():
        raise UserError(
            'NVIDIA DALI is not installed: pip install "leoclr-plugin[dali]" (Linux), or use '
            "data.format=image_folder"
        )
