"""Trained checkpoints: listed in one manifest, fetched by their hash, loaded without code."""

from leoclr_plugin.zoo.load import ZooModel, load

__all__ = ["ZooModel", "load"]
