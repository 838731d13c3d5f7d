"""Short spellings of nodes, which become the long ones that everything else reads."""

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


def take_pairs_file(cfg: DictConfig) -> None:
    """Make ``data.pairs: FILE`` the node ``data.pairs.file: FILE``.

    Args:
        cfg: a composed configuration; changed in place.
    """
    pairs = OmegaConf.select(cfg, "data.pairs")
    if isinstance(pairs, str):
        OmegaConf.update(cfg, "data.pairs", {"file": pairs}, merge=False)
