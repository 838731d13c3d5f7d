"""Hold out training images, on which settings are chosen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from leoclr_plugin.config.datasets import MULTILABEL_SETS
from leoclr_plugin.data.datasets import class_names, named_train_images
from leoclr_plugin.data.lists import write_list
from leoclr_plugin.data.pairs.build import suffixes_of, with_partners_listed
from leoclr_plugin.data.pairs.suffixes import partners_by_suffix
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.csv_cells import csv_lines
from leoclr_plugin.system.files import write_text

_SEED = 0


def hold_out(data: DictConfig, count: int, folder: Path) -> dict[str, Any]:
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
    public = data.dataset in MULTILABEL_SETS
    root = Path(data.train_path).resolve() if public else Path()
    images = [(str(root / name), labels) for name, labels in named_train_images(data)]
    names = [name for name, _ in images]
    if count >= len(names):
        raise UserError(f"{count} images cannot be held out of {len(names)}; hold out fewer")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(_SEED)).tolist()
    held_out, kept = ([names[i] for i in sorted(part)] for part in (order[:count], order[count:]))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_list(folder / "held-out.txt", held_out)
    write_list(folder / "kept.txt", [*kept, *_partners_of(data, set(kept))])
    # The lists are already drawn from this fraction of the images.
    changes: dict[str, Any] = {"fraction": -1, "val_path": data.train_path}
    changes |= {"val_list": str(folder / "held-out.txt"), "train_list": str(folder / "kept.txt")}
    if public:
        return {**changes, **_as_folder(images, class_names(data), folder)}
    return {**changes, "val_labels": data.labels} if data.get("labels") else changes


def _partners_of(data: DictConfig, names: set[str]) -> list[str]:
    """Return the partners by suffix of some images, as lists name them."""
    if not suffixes_of(data):
        return []
    listed = named_train_images(with_partners_listed(data))
    everything = [name for name, _ in listed]
    found = partners_by_suffix(everything, suffixes_of(data))
    return [everything[i] for i in sorted(found) if everything[found[i]] in names]


def _as_folder(
    images: Sequence[tuple[str, Any]], classes: Sequence[str], folder: Path
) -> dict[str, str]:
    """Write the labels of a public data set as a file, because its sets have fixed images."""
    labels = folder / "labels.csv"
    rows = [
        (os.path.relpath(name, folder), *("" if label < 0 else label for label in row))
        for name, row in images
    ]
    write_text(labels, "".join(csv_lines([("image", *classes), *rows])))
    pictures = os.path.commonpath([Path(name).parent for name, _ in images])
    paths = {"train_path": pictures, "val_path": pictures}
    return {"dataset": "custom", **paths, "labels": str(labels), "val_labels": str(labels)}
