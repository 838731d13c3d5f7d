"""Pretrain any of the host's methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import Callback, seed_everything
from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.config.check import check_config, check_node
from leoclr_plugin.config.defaults import fill_in
from leoclr_plugin.config.nodes import PairKind, Pairs
from leoclr_plugin.config.targets import take_backbone_target, take_pairs_file
from leoclr_plugin.data.dali import require_dali
from leoclr_plugin.data.datasets import check_data_is_there, class_names, take_number_of_classes
from leoclr_plugin.data.levels import channels_of
from leoclr_plugin.data.loaders import pretrain_loader, val_loader
from leoclr_plugin.data.sampler import processes, sampler_of
from leoclr_plugin.data.views import take_normalization, view_size
from leoclr_plugin.errors import UserError, one_line, refused_values
from leoclr_plugin.host import host
from leoclr_plugin.host.open_backbones import takes_in_chans
from leoclr_plugin.methods import METHODS, class_of
from leoclr_plugin.terminal import tell
from leoclr_plugin.training.batch_of_one import check_batch_norm
from leoclr_plugin.training.fit import fit
from leoclr_plugin.training.initial_weights import start_from_weights
from leoclr_plugin.training.loading import how_it_loads
from leoclr_plugin.training.measures import measures_callback
from leoclr_plugin.training.multilabel import ValidationMAP
from leoclr_plugin.training.online_sets import online_callback
from leoclr_plugin.training.resume import resume
from leoclr_plugin.training.trainer import build_trainer, settle_hardware

# Methods that accept any number of large views. All others take two, which solo-learn's
# main_pretrain.py checks as well.
_METHODS_OF_ANY_VIEWS = ("leoclr", "wmse", "mae")
# Methods of solo-learn that put the keys of a whole batch into their queue at once. If the batch
# does not divide the queue's size, they fail an assertion in their first step.
_METHODS_OF_DIVISIBLE_QUEUES = ("all4one", "mocov2plus", "nnbyol", "nnclr", "nnsiam", "ressl")
# Methods that need one class for each image, in their losses or in the figures that they log.
_METHODS_OF_ONE_CLASS = ("all4one", "nnbyol", "nnclr", "nnsiam", "supcon")


def pretrain(cfg: DictConfig, callbacks: Sequence[Callback] = ()) -> Path | None:
    """Train a method and return the folder with its checkpoint, ``args.json`` and metrics.

    If the run to resume is complete already, its folder is returned and nothing is trained.
    Lightning's ``fast_dev_run`` writes nothing, and the result is None.

    Args:
        cfg: a composed configuration; changed in place, as by the host's ``parse_cfg``.
        callbacks: Lightning callbacks in addition to those of the configuration.

    Raises:
        UserError: before anything is written, if the configuration or the data cannot be used;
            and if an image cannot be read, which it names.
    """
    cfg = prepare(cfg)
    seed_everything(cfg.seed, workers=True)
    model = build_method(cfg)
    train = pretrain_loader(cfg)
    val = val_loader(cfg, input_size(cfg)) if has_validation(cfg) else None
    tell(f"Loading: {how_it_loads(cfg)}")
    # The host compares configurations to find a run to resume. The method has filled in its
    # defaults by now, so the configurations are complete.
    earlier = resume(cfg, cfg.method, model)
    if earlier is not None and earlier.complete:
        return earlier.checkpoint.parent

    callbacks = [*callbacks, *measures_callback(cfg), *online_callback(cfg)]
    classes = class_names(cfg.data)
    if classes and val is not None:
        callbacks = [*callbacks, ValidationMAP(classes)]
    trainer = build_trainer(cfg, cfg.method, callbacks, sampler_of(train), earlier)
    fit(trainer, model, train, val, earlier)
    # metrics.csv follows wandb, and precedes the configuration's own loggers.
    metrics = trainer.loggers[1 if cfg.wandb.enabled else 0]
    return None if trainer.fast_dev_run else Path(metrics.log_dir)


def prepare(cfg: DictConfig) -> DictConfig:
    """Check a configuration and fill it in as the host does.

    Raises:
        UserError: if the configuration cannot be used; it names the key and a remedy.
    """
    methods = [name for name in METHODS if name not in ("base", "linear")]
    backbones = host().BaseMethod._BACKBONES
    take_backbone_target(cfg)
    take_pairs_file(cfg)
    check_config(cfg, "pretrain", {"method": methods, "backbone.name": backbones})
    if OmegaConf.select(cfg, "data.format") == "dali":
        require_dali()
    check_data_is_there(cfg.data)
    _settle_channels(cfg)
    settle_hardware(cfg)
    _settle_pairs(cfg.data)
    cfg = host().parse_pretrain_cfg(cfg)
    several_labels = take_number_of_classes(cfg.data)
    large = cfg.data.num_large_crops
    if large != 2 and cfg.method not in _METHODS_OF_ANY_VIEWS:
        raise UserError(
            f"method={cfg.method} takes two views with the first pipeline's crop_size, but the "
            f"augmentations make {large}; change num_crops"
        )
    if several_labels:
        _settle_several_labels(cfg)
    if OmegaConf.select(cfg, "knn_eval.enabled") and not has_validation(cfg):
        # Without validation images the online kNN would collect features and never evaluate them.
        tell(
            "knn_eval.enabled=True needs labelled validation images; it is switched off",
        )
        cfg.knn_eval.enabled = False
    return cfg


def _settle_pairs(data: DictConfig) -> None:
    """Check the kinds of pairs, whose names are the user's, and fill in the defaults."""
    if data.get("pairs") is None:
        return
    fill_in(data, "pairs", Pairs)
    kinds = data.pairs.get("kinds") or {}
    for name in kinds:
        check_node(PairKind, OmegaConf.to_container(kinds[name]), f"data.pairs.kinds.{name}")
        fill_in(kinds, name, PairKind)


def _settle_channels(cfg: DictConfig) -> None:
    """Tell the network the number of channels, unless the configuration does or it knows."""
    take_normalization(cfg)
    channels, name = channels_of(cfg.data), cfg.backbone.name
    given = OmegaConf.select(cfg, "backbone.kwargs.in_chans")
    if given is not None and given != channels:
        raise UserError(
            f"backbone.kwargs.in_chans={given}, and the images have {channels} channels; leave it "
            f"out, or set data.channels={given}"
        )
    if given is None and channels != 3 and takes_in_chans(name):
        OmegaConf.update(cfg, "backbone.kwargs.in_chans", channels, force_add=True)


def _settle_several_labels(cfg: DictConfig) -> None:
    if cfg.method in _METHODS_OF_ONE_CLASS:
        raise UserError(
            f"method={cfg.method} takes one class for each image, and the images have several "
            "labels; train with data.no_labels=True and give the labels to the evaluators only"
        )
    if OmegaConf.select(cfg, "knn_eval.enabled"):
        tell(
            "knn_eval.enabled=True takes one class for each image; it is switched off, and leoclr "
            "knn can evaluate images with several labels",
        )
        cfg.knn_eval.enabled = False


def build_method(cfg: DictConfig) -> nn.Module:
    """Build the method of a parsed configuration in the configured memory format.

    With ``performance.compile: True`` torch compiles the encoders in their first forward pass.

    Raises:
        UserError: if the method refuses the configuration, the batch size does not divide the
            queue's size, the backbone does not accept the size of a view, or the batch is too
            small for batch norm.
    """
    with refused_values(f"method={cfg.method} refuses the configuration"):
        model = class_of(cfg)(cfg)
    if cfg.method in _METHODS_OF_DIVISIBLE_QUEUES:
        _check_queue(model.queue_size, cfg)
    _check_size(model.backbone, cfg)
    _check_features(model, cfg)
    start_from_weights(model, cfg)
    check_batch_norm(model, cfg, {view_size(node) for node in cfg.augmentations})
    if cfg.performance.disable_channel_last:
        # The loaders make views in channels-last memory.
        for network in _backbones(model):
            network.register_forward_pre_hook(_in_channels_first)
    else:
        model = model.to(memory_format=torch.channels_last)
    if cfg.performance.get("compile"):
        for network in _backbones(model):
            network.compile()
    return model


def _backbones(model: nn.Module) -> list[nn.Module]:
    names = ("backbone", "momentum_backbone")
    return [getattr(model, name) for name in names if hasattr(model, name)]


def _in_channels_first(network: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    (images,) = inputs
    return (images.contiguous(),)


def _check_queue(size: int, cfg: DictConfig) -> None:
    batch_size = cfg.optimizer.batch_size * processes(cfg)
    if size % batch_size:
        raise UserError(
            f"method_kwargs.queue_size={size} is not a multiple of the batch of {batch_size} over "
            f"all processes, as {cfg.method} needs; change the queue_size or the batch size"
        )


def _check_size(backbone: nn.Module, cfg: DictConfig) -> None:
    # Most transformers of timm have position embeddings for one image size only. Before timm 0.9.8
    # this holds for all, and they have no attribute ``strict_img_size``.
    patches = getattr(backbone, "patch_embed", None)
    expected = getattr(patches, "img_size", None)
    if expected is None or not getattr(patches, "strict_img_size", True):
        return
    for i, node in enumerate(cfg.augmentations):
        size = node.crop_size
        if view_size(node) != tuple(expected):
            raise UserError(
                f"augmentations[{i}].crop_size={size}, but {cfg.backbone.name} takes images of "
                f"{' x '.join(map(str, expected))}; set +backbone.kwargs.img_size={size}, "
                "or +backbone.kwargs.dynamic_img_size=True for views of several sizes"
            )


@torch.no_grad()
def _check_features(model: nn.Module, cfg: DictConfig) -> None:
    """Check what a network of timm or of the user returns; the host's own are known."""
    backbone, name = model.backbone, cfg.backbone.name
    if dict.__contains__(host().BaseMethod._BACKBONES, name):
        return
    size, training = view_size(cfg.augmentations[0]), backbone.training
    channels = channels_of(cfg.data)
    try:
        features = backbone.eval()(torch.zeros(1, channels, *size))
    # A network of a stranger can fail in any way.
    except Exception as error:
        raise UserError(
            f"backbone.name={name} fails on an image of {size[0]} x {size[1]} pixels"
            f"{f' and {channels} channels' if channels != 3 else ''}: "
            f"{one_line(error)}; change crop_size or backbone.kwargs"
        ) from error
    finally:
        backbone.train(training)
    shape = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
    if shape != (1, model.features_dim):
        raise UserError(
            f"backbone.name={name} must return features [N, {model.features_dim}] for N images, "
            f"and for one image it returned {shape}"
        )


def has_validation(cfg: DictConfig) -> bool:
    """Return whether there is a labelled validation set."""
    return cfg.data.val_path is not None and not cfg.data.no_labels
