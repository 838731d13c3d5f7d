"""What one view of an image is made of, for the graph and for its draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from omegaconf import ListConfig, OmegaConf

from leoclr_plugin.data.evaluation import shorter_side
from leoclr_plugin.data.views import UNCHANGED, mean_and_std, normalization, view_size
from leoclr_plugin.errors import UserError


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        node: solo-learn's augmentation node; of ``rrc`` and the appearance augmentations. Of plain
            values: a configuration's are looked up anew at each use, for each batch.
        size: height and width in pixels.
        mean_and_std: of the channels, in [0, 1].
        resize_shorter: pixels of the shorter side before a crop of ``size`` at the centre; None
            to resize the crop, or the whole image, to ``size``.
        bicubic: interpolation; bilinear where False.
    """

    node: Any
    size: tuple[int, int]
    mean_and_std: tuple[Sequence[float], Sequence[float]]
    resize_shorter: int | None = None
    bicubic: bool = True


def pretrain_views(augmentations: ListConfig, dataset: str) -> list[View]:
    """The views of ``cfg.augmentations``, in the order of the batch.

    Raises:
        UserError: naming the pipeline and what DALI cannot do.
    """
    views = []
    for i, node in enumerate(augmentations):
        if node.equalization.prob:
            raise UserError(
                f"augmentations[{i}].equalization: DALI cannot equalise; set its prob to 0, or use "
                "data.format=image_folder"
            )
        size = node.crop_size
        if isinstance(size, int) and not node.rrc.enabled:
            raise UserError(
                f"augmentations[{i}].crop_size={size}: an int keeps the aspect ratio, so images "
                f"would not fit into one batch; write crop_size: [{size}, {size}]"
            )
        view = View(_plain(node), view_size(node), normalization(node, dataset))
        views += [view] * node.num_crops
    return views


def linear_train_view(dataset: str, size: tuple[int, int]) -> View:
    """The linear probe's training view, as ``data.evaluation.train_transform``."""
    crop = {"enabled": True, "crop_min_scale": 0.08, "crop_max_scale": 1.0}
    node = {**UNCHANGED, "rrc": crop, "horizontal_flip": {"prob": 0.5}}
    return View(_plain(node), size, mean_and_std(dataset), bicubic=False)


def val_view(dataset: str, size: tuple[int, int]) -> View:
    """The view that methods are evaluated on, as ``data.evaluation.val_transform``."""
    node = _plain({**UNCHANGED, "rrc": {"enabled": False}})
    shorter = shorter_side(size)
    return View(node, size, mean_and_std(dataset), resize_shorter=shorter, bicubic=False)


def _plain(node: Any) -> Any:
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if isinstance(node, dict):
        return SimpleNamespace(**{name: _plain(value) for name, value in node.items()})
    return node
