"""The description of one view of an image, for the graph and for its random draws."""

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
        node: solo-learn's augmentation node, with ``rrc`` and the appearance augmentations. It
            holds plain values, because a configuration resolves its values anew at each use, which
            would be for each batch.
        size: height and width in pixels.
        mean_and_std: means and standard deviations of the channels, in [0, 1].
        resize_shorter: length in pixels to which the shorter side is resized before a crop of
            ``size`` at the centre; None resizes the crop, or the whole image, to ``size``.
        bicubic: whether the interpolation is bicubic; it is bilinear if False.
    """

    node: Any
    size: tuple[int, int]
    mean_and_std: tuple[Sequence[float], Sequence[float]]
    resize_shorter: int | None = None
    bicubic: bool = True


def pretrain_views(augmentations: ListConfig, dataset: str) -> list[View]:
    """Return the views of ``cfg.augmentations``, in the order of the batch.

    Raises:
        UserError: if DALI cannot do what an augmentation asks for; it names the augmentation.
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
    """Return the training view of the linear probe, like ``data.evaluation.train_transform``."""
    crop = {"enabled": True, "crop_min_scale": 0.08, "crop_max_scale": 1.0}
    node = {**UNCHANGED, "rrc": crop, "horizontal_flip": {"prob": 0.5}}
    return View(_plain(node), size, mean_and_std(dataset), bicubic=False)


def val_view(dataset: str, size: tuple[int, int]) -> View:
    """Return the view that methods are evaluated on, like ``data.evaluation.val_transform``."""
    node = _plain({**UNCHANGED, "rrc": {"enabled": False}})
    shorter = shorter_side(size)
    return View(node, size, mean_and_std(dataset), resize_shorter=shorter, bicubic=False)


def _plain(node: Any) -> Any:
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if isinstance(node, dict):
        return SimpleNamespace(**{name: _plain(value) for name, value in node.items()})
    return node
