"""The methods: ``METHODS`` is the host's own registry with ``leoclr`` added to it."""

from omegaconf import DictConfig

from leoclr_plugin.host import host
from leoclr_plugin.methods.leoclr import LeOCLR
from leoclr_plugin.methods.mocov2plus import WeightedMoCoV2Plus, asks_for_weights

METHODS = host().METHODS
METHODS["leoclr"] = LeOCLR


def class_of(cfg: DictConfig) -> type:
    """Return the class that trains a configuration: that of ``METHODS`` unless it asks for more."""
    if cfg.method == "mocov2plus" and asks_for_weights(cfg):
        return WeightedMoCoV2Plus
    return METHODS[cfg.method]


__all__ = ["METHODS", "LeOCLR", "class_of"]
