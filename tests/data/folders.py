"""Make the configuration of a training on a folder of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg


def folder_cfg(
    folder: Path,
    nodes: Sequence[dict],
    form: str = "image_folder",
    method: str = "leoclr",
    **changes,
) -> DictConfig:
    """Return the prepared configuration of a training on a folder, whose views are not normalised.

    Args:
        folder: the images, without labels.
        nodes: the augmentation nodes.
        form: ``data.format``.
        method: the method.
        changes: see ``method_cfg``.
    """
    plain = [{**node, "mean": [0, 0, 0], "std": [1, 1, 1]} for node in nodes]
    cfg = method_cfg(
        method,
        data__dataset="custom",
        data__train_path=str(folder),
        data__val_path=None,
        data__num_workers=2,
        data__format=form,
        optimizer__batch_size=4,
        augmentations=OmegaConf.create(plain),
        **changes,
    )
    return prepare(cfg)
