"""Views made by NVIDIA DALI: each image is read and decoded once, then branches into its views."""

from __future__ import annotations

import importlib.util

from leoclr_plugin.errors import UserError


def has_dali() -> bool:
    """Whether NVIDIA DALI is installed."""
    try:
        # The package of DALI has another name for each CUDA, so its module is looked for.
        return importlib.util.find_spec("nvidia.dali") is not None
    except ModuleNotFoundError:
        return False


def require_dali() -> None:
    """Check that NVIDIA DALI is installed.

    Raises:
        UserError: if it is missing; the message has the command that installs it.
    """
    if not has_dali():
        raise UserError(
            'NVIDIA DALI is not installed: pip install "leoclr-plugin[dali]" (Linux), or use '
            "data.format=image_folder"
        )
