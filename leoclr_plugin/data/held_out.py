"""Training images that are set aside, to choose settings by them."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig

from leoclr_plugin.data.datasets import build_dataset, samples_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import write_text

_SEED = 0


def hold_out(data: DictConfig, count: int, folder: Path) -> dict[str, str]:
    """Draw training images to hold out, the same at every call, and list them and the others.

    Args:
        data: the ``data`` node of a configuration with image files.
        count: number of images.
        folder: of the two lists, ``kept.txt`` and ``held-out.txt``.

    Returns:
        The keys of ``data`` that train on the others and validate on those that are held out.

    Raises:
        UserError: for data that is not a folder of files, and for too few images.
    """
    dataset = build_dataset(data, "train", transform=None)
    try:
        samples = samples_of(dataset)
    except AttributeError as error:
        raise UserError(
            f"data.dataset={data.dataset} is an archive; images can be held out of folders alone"
        ) from error
    names = [str(Path(path).relative_to(data.train_path)) for path, _ in samples]
    if count >= len(names):
        raise UserError(f"{count} images cannot be held out of {len(names)}; hold out fewer")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(_SEED)).tolist()
    folder.mkdir(parents=True, exist_ok=True)
    lists = {"val_list": "held-out.txt", "train_list": "kept.txt"}
    for file, part in zip(lists.values(), (order[:count], order[count:]), strict=True):
        write_text(folder / file, "".join(f"{names[i]}\n" for i in sorted(part)))
    changes = {key: str((folder / file).resolve()) for key, file in lists.items()}
    changes["val_path"] = data.train_path
    if data.get("labels"):
        changes["val_labels"] = data.labels
    return changes
