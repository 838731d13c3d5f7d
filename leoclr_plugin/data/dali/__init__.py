"""Views from one NVIDIA DALI graph: one read and one decode an image, a branch for each view."""

from __future__ import annotations

import importlib.util

from leoclr_plugin.errors import UserError


def require_dali() -> None:
    """Check that NVIDIA DALI is installed.

    Raises:
        UserError: with the command that installs it.
    """
    try:
        found = importlib.util.find_spec("nvidia.dali") is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise UserError(
            'NVIDIA DALI is not installed: pip install "leoclr-plugin[dali]" (Linux), or use '
            "data.format=image_folder"
        )
