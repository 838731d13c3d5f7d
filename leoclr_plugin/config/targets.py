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
    """Make ``data.pairs: FILE`` the node ``data.pairs.file: FILE``, and kinds' numbers texts.

    Args:
        cfg: a composed configuration; changed in place.
    """
    pairs = OmegaConf.select(cfg, "data.pairs")
    if isinstance(pairs, str):
        OmegaConf.update(cfg, "data.pairs", {"file": pairs}, merge=False)
        return
    kinds = OmegaConf.select(cfg, "data.pairs.kinds")
    if isinstance(kinds, DictConfig):
        # YAML reads the name of a quality level, such as 1, as a number.
        named = {str(name): node for name, node in kinds.items()}
        OmegaConf.update(cfg, "data.pairs.kinds", named, merge=False)
