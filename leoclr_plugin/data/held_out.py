"""Hold out training images, on which settings are chosen."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig

from leoclr_plugin.data.datasets import named_train_images
from leoclr_plugin.data.lists import write_list
from leoclr_plugin.errors import UserError

_SEED = 0


def hold_out(data: DictConfig, count: int, folder: Path) -> dict[str, str]:
    """Draw training images to hold out, and list them and the other images in two files.

    Every call with the same arguments draws the same images.

    Args:
        data: the ``data`` node of a configuration with image files.
        count: the number of images to hold out.
        folder: the folder for the two lists, ``kept.txt`` and ``held-out.txt``.

    Returns:
        The keys of ``data`` with which a run trains on the kept images and validates on the
        held-out images.

    Raises:
        UserError: if the data set is an archive, or there are too few images.
    """
    names = [name for name, _ in named_train_images(data)]
    if count >= len(names):
        raise UserError(f"{count} images cannot be held out of {len(names)}; hold out fewer")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(_SEED)).tolist()
    folder.mkdir(parents=True, exist_ok=True)
    lists = {"val_list": "held-out.txt", "train_list": "kept.txt"}
    for file_name, part in zip(lists.values(), (order[:count], order[count:]), strict=True):
        write_list(folder / file_name, (names[i] for i in sorted(part)))
    changes = {key: str((folder / file_name).resolve()) for key, file_name in lists.items()}
    changes["val_path"] = data.train_path
    if data.get("labels"):
        changes["val_labels"] = data.labels
    return changes
