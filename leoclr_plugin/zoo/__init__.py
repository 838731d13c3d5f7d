"""Trained checkpoints: listed in one manifest, fetched by their hash, loaded without code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leoclr_plugin.zoo.model import ZooModel, load

__all__ = ["ZooModel", "load"]


def __getattr__(name: str) -> Any:
    # Once it is asked for: with torch and timm, which the manifest's readers have no use for.
    if name in __all__:
        from leoclr_plugin.zoo import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
