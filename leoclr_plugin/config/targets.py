"""``backbone._target_``, Hydra's spelling for a class of one's own."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf, open_dict


def take_backbone_target(cfg: DictConfig) -> None:
    """Make ``backbone._target_`` the ``backbone.name``, under which everything else reads it.

    Args:
        cfg: a composed configuration; changed in place.
    """
    if OmegaConf.select(cfg, "backbone._target_") is not None:
        with open_dict(cfg.backbone):
            cfg.backbone.name = cfg.backbone.pop("_target_")
