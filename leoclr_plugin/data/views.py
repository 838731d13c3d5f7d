"""The description of the views of an image, such as two random crops and the whole image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from leoclr_plugin.config.datasets import SQUARE_DATASETS
from leoclr_plugin.config.defaults import defaults
from leoclr_plugin.config.views import Degrade as DegradeKeys
from leoclr_plugin.config.views import Mix as MixKeys
from leoclr_plugin.data.degrade import Degrade
from leoclr_plugin.data.extra import ExtraTransforms
from leoclr_plugin.data.levels import channels_of
from leoclr_plugin.data.mix import Mix
from leoclr_plugin.data.rand_augment import RandAugment
from leoclr_plugin.errors import UserError

MeanAndStd = tuple[tuple[float, ...], tuple[float, ...]]

_MEAN_AND_STD: dict[str, MeanAndStd] = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "stl10": ((0.4914, 0.4823, 0.4466), (0.247, 0.243, 0.261)),
}
BLUR_SIGMA = (0.1, 2.0)
# The nodes of a pipeline that changes nothing about the appearance of a view.
UNCHANGED = {
    name: {"prob": 0.0}
    for name in (
        "color_jitter",
        "grayscale",
        "gaussian_blur",
        "solarization",
        "equalization",
        "horizontal_flip",
    )
}


@dataclass(frozen=True)
class View:
    """One view of an image. ``data.draws.draw`` draws what is random about it.

    Attributes:
        node: solo-learn's augmentation node, with ``rrc`` and the appearance augmentations. It
            holds plain values, because a configuration resolves its values anew at each use, which
            would be for each batch.
        size: height and width in pixels.
        mean_and_std: means and standard deviations of the channels, in [0, 1].
        resize_shorter: length in pixels to which the shorter side is resized before a crop of
            ``size`` at the centre; None resizes the crop, or the whole image, to ``size``.
        bicubic: whether the interpolation is bicubic; it is bilinear if False.
        whole: whether an image that ``resize_shorter`` does not bring to ``size`` is refused
            instead of cropped.
        rand_augment: the settings of RandAugment, which follows the resize; None leaves it out.
        mix: the settings of Random Crop and Mix, which takes the place of the resize; None leaves
            it out.
        degrade: the settings of the degradations, which follow all other augmentations of ours;
            None leaves them out.
        extra: the user's own transforms, which precede the normalisation; None without any.
    """

    node: Any
    size: tuple[int, int]
    mean_and_std: MeanAndStd
    resize_shorter: int | None = None
    bicubic: bool = True
    whole: bool = False
    rand_augment: RandAugment | None = None
    mix: Mix | None = None
    degrade: Degrade | None = None
    extra: ExtraTransforms | None = None

    @property
    def channels(self) -> int:
        """The number of channels of the images that the view is of."""
        return len(self.mean_and_std[0])

    @property
    def regions(self) -> int:
        """The number of regions of the image that are resized; 0 for the whole image."""
        return int(self.node.rrc.enabled) if self.mix is None else self.mix.crops

    @cached_property
    def tile(self) -> View:
        """How a region is resized: as the view, or to the size of a tile of the mix."""
        if self.mix is None:
            return self
        return replace(self, size=self.mix.tile_size(self.size), mix=None)


def pretrain_views(
    augmentations: ListConfig, dataset: str, given: MeanAndStd | None = None
) -> list[View]:
    """Return the views of ``cfg.augmentations``: each pipeline's view ``num_crops`` times.

    For LeOCLR the crops come first and the original last: ``[X1, ..., Xn, X]``.

    Args:
        augmentations: solo-learn's nodes: ``crop_size`` (pixels, an int or [H, W]), ``rrc``
            (``enabled``, ``crop_min_scale``, ``crop_max_scale``), ``num_crops``,
            ``color_jitter``, ``grayscale``, ``gaussian_blur``, ``solarization``,
            ``equalization``, ``horizontal_flip`` (each with ``prob``), and optionally ``mix``,
            ``degrade``, ``extra``, ``mean`` and ``std``. With ``rrc.enabled: False`` the image is
            resized and never cropped: [H, W] gives exactly that size, and an int keeps the aspect
            ratio, so it is for square images.
        dataset: the data set's name; its mean and standard deviation are used if they are known.
        given: see ``given_mean_and_std``.
    """
    views = []
    for number, node in enumerate(augmentations):
        keeps_ratio = isinstance(node.crop_size, int) and not node.rrc.enabled
        view = View(
            _plain(node),
            view_size(node),
            normalization(node, dataset, given),
            resize_shorter=node.crop_size if keeps_ratio else None,
            whole=keeps_ratio,
            mix=_mix(node),
            degrade=_degrade(node),
            extra=_extra(node, f"augmentations[{number}].extra"),
        )
        views += [view] * node.num_crops
    return views


def linear_train_view(
    dataset: str,
    size: tuple[int, int],
    rand_augment: RandAugment | None = None,
    given: MeanAndStd | None = None,
) -> View:
    """Return the view that classifiers are trained on: a random resized crop and a flip."""
    crop = {"enabled": True, "crop_min_scale": 0.08, "crop_max_scale": 1.0}
    node = {**UNCHANGED, "rrc": crop, "horizontal_flip": {"prob": 0.5}}
    normalization = given or mean_and_std(dataset)
    return View(_plain(node), size, normalization, bicubic=False, rand_augment=rand_augment)


def val_view(dataset: str, size: tuple[int, int], given: MeanAndStd | None = None) -> View:
    """Return the view that methods are evaluated on, like ``zoo.transform.val_transform``."""
    node = _plain({**UNCHANGED, "rrc": {"enabled": False}})
    shorter = None if dataset in SQUARE_DATASETS else shorter_side(size)
    normalization = given or mean_and_std(dataset)
    return View(node, size, normalization, resize_shorter=shorter, bicubic=False)


def shorter_side(size: tuple[int, int]) -> int:
    """Return the shorter side, in pixels, before a crop of ``size`` at the centre: 256 for 224."""
    return round(max(size) * 256 / 224)


def mean_and_std(dataset: str) -> MeanAndStd:
    """Return each channel's mean and standard deviation in [0, 1]; the default is ImageNet's."""
    return _MEAN_AND_STD.get(dataset, (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))


def given_mean_and_std(data: DictConfig) -> MeanAndStd | None:
    """Return the ``mean`` and ``std`` of a ``data`` node; None to take those of the data set.

    Raises:
        UserError: if the node has none, and its images are not of three channels.
    """
    if data.get("mean") is not None and data.get("std") is not None:
        return tuple(data.mean), tuple(data.std)
    channels = channels_of(data)
    if channels != 3:
        raise UserError(
            f"data.channels={channels} needs data.mean and data.std of the images; "
            f"leoclr stats FOLDER --channels {channels} computes them"
        )
    return None


def normalization(node: DictConfig, dataset: str, given: MeanAndStd | None = None) -> MeanAndStd:
    """Return the mean and standard deviation for a view: the data set's, or the node's own.

    Args:
        node: a pipeline of the augmentations.
        dataset: the data set's name.
        given: those of ``given_mean_and_std``, which take the place of the data set's.
    """
    mean, std = given or mean_and_std(dataset)
    if dataset in _MEAN_AND_STD:
        return mean, std
    return tuple(node.get("mean", mean)), tuple(node.get("std", std))


def normalization_of(cfg: DictConfig) -> MeanAndStd:
    """Return the mean and standard deviation that a pretraining's first views have.

    Args:
        cfg: the configuration of the pretraining.
    """
    given = given_mean_and_std(cfg.data)
    return normalization(cfg.augmentations[0], cfg.data.dataset, given)


def take_normalization(cfg: DictConfig) -> None:
    """Set ``data.mean`` and ``data.std`` to those of the first pipeline, if it has its own.

    Evaluations read the ``data`` node, and must normalise images as the training did.
    """
    expected = given_mean_and_std(cfg.data) or mean_and_std(cfg.data.dataset)
    if normalization_of(cfg) != expected:
        set_normalization(cfg, normalization_of(cfg))


def set_normalization(cfg: DictConfig, values: MeanAndStd) -> None:
    """Set ``data.mean`` and ``data.std``."""
    for key, of_channels in zip(("mean", "std"), values, strict=True):
        OmegaConf.update(cfg, f"data.{key}", list(of_channels), force_add=True)


def shift_and_scale(
    mean_and_std: MeanAndStd, subtracted: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what normalises levels from 0 to 255: ``shift + level * scale`` for each channel.

    Args:
        mean_and_std: means and standard deviations of the channels, in [0, 1].
        subtracted: a number that has been subtracted from the levels.

    Returns:
        The shifts and the scales, each ``[C]`` float64.
    """
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in mean_and_std)
    return (subtracted / 255 - mean) / std, 1 / (255 * std)


def view_size(node: DictConfig) -> tuple[int, int]:
    """Return the height and width in pixels of ``crop_size``, which is [H, W] or an int."""
    size = node.crop_size
    return (size, size) if isinstance(size, int) else tuple(size)


def _mix(node: DictConfig) -> Mix | None:
    settings = node.get("mix")
    if settings is None:
        return None
    settings = {**defaults(MixKeys), **OmegaConf.to_container(settings, resolve=True)}
    return Mix(tuple(settings["scales"]), settings["grid"], settings["copies"])


def _degrade(node: DictConfig) -> Degrade | None:
    given = node.get("degrade")
    if given is None:
        return None
    settings = {**defaults(DegradeKeys), **OmegaConf.to_container(given, resolve=True)}
    known = {name: settings.get(name) for name in DegradeKeys.model_fields}
    return Degrade(**{k: tuple(v) if isinstance(v, list) else v for k, v in known.items()})


def _extra(node: DictConfig, where: str) -> ExtraTransforms | None:
    nodes = node.get("extra")
    if not nodes:
        return None
    return ExtraTransforms(OmegaConf.to_container(nodes, resolve=True), view_size(node), where)


def _plain(node: Any) -> Any:
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if isinstance(node, dict):
        return SimpleNamespace(**{name: _plain(value) for name, value in node.items()})
    return node
