"""Trained checkpoints. One manifest lists them, and their SHA-256 is checked before use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leoclr_plugin.zoo.model import ZooModel, load

__all__ = ["ZooModel", "load"]


def __getattr__(name: str) -> Any:
    # Import this late: it loads torch and timm, which reading the manifest does not need.
    if name in __all__:
        from leoclr_plugin.zoo import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
