"""The real solo-learn as a host. Only this file imports solo-learn."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from omegaconf import ListConfig, OmegaConf

from leoclr_plugin.config.datasets import MULTILABEL_SETS
from leoclr_plugin.errors import UserError
from leoclr_plugin.host.contract import Host
from leoclr_plugin.host.mends import (
    mend_accuracies,
    mend_classifier_losses,
    mend_configure_optimizers,
    mend_knn_classifier,
    mend_resumed_momentum,
    parsed_for_our_loaders,
)
from leoclr_plugin.host.open_backbones import OpenBackbones
from leoclr_plugin.host.select import Choice
from leoclr_plugin.host.small_convnet import NAME, small_convnet


def load(choice: Choice) -> Host:
    """Import solo-learn, from ``choice.source_tree`` if that is set.

    Raises:
        UserError: if the import fails, usually because one of its requirements is missing.
    """
    if choice.source_tree is not None:
        sys.path.insert(0, str(choice.source_tree))
    try:
        # The host imports modules of timm by their old names, which still work but warn.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _load(choice)
    except ImportError as error:
        raise UserError(
            f"solo-learn was found ({choice.reason}) but cannot be imported: {error}; install what "
            "is missing, or set LEOCLR_HOST=bundled"
        ) from error


def _load(choice: Choice) -> Host:
    import solo
    from solo.args import linear as linear_args
    from solo.args import pretrain as pretrain_args
    from solo.methods import METHODS, base, linear
    from solo.methods.base import BaseMethod, BaseMomentumMethod
    from solo.methods.linear import LinearModel
    from solo.utils.auto_resumer import AutoResumer
    from solo.utils.checkpointer import Checkpointer
    from solo.utils.knn import WeightedKNNClassifier
    from solo.utils.misc import gather, omegaconf_select
    from solo.utils.momentum import MomentumUpdater, initialize_momentum_params

    mend_knn_classifier(WeightedKNNClassifier)
    mend_accuracies(base, linear)
    mend_classifier_losses(base, linear)
    for model in (BaseMethod, LinearModel):
        mend_configure_optimizers(model)
    mend_resumed_momentum(BaseMomentumMethod)
    # Some of our data sets are missing in the host's tables.
    for module in (pretrain_args, linear_args):
        for name, classes in {"imagenette": 10, **MULTILABEL_SETS}.items():
            if name not in module._SUPPORTED_DATASETS:
                module._SUPPORTED_DATASETS.append(name)
            module._N_CLASSES_PER_DATASET.setdefault(name, classes)
    BaseMethod._BACKBONES = OpenBackbones({**BaseMethod._BACKBONES, NAME: small_convnet})

    return Host(
        name="solo-learn",
        location=str(solo.__path__[0]),
        reason=choice.reason,
        METHODS=METHODS,
        BaseMethod=BaseMethod,
        BaseMomentumMethod=BaseMomentumMethod,
        LinearModel=LinearModel,
        MomentumUpdater=MomentumUpdater,
        WeightedKNNClassifier=WeightedKNNClassifier,
        Checkpointer=Checkpointer,
        AutoResumer=AutoResumer,
        parse_pretrain_cfg=parsed_for_our_loaders(pretrain_args.parse_cfg),
        parse_linear_cfg=parsed_for_our_loaders(linear_args.parse_cfg),
        initialize_momentum_params=initialize_momentum_params,
        gather=gather,
        omegaconf_select=omegaconf_select,
        dali_batches=_dali_batches,
        configs=_configs(Path(solo.__path__[0]).parent / "scripts" / "pretrain"),
    )


def _configs(folder: Path) -> Path | None:
    # An installed package comes without the scripts of the source tree.
    return folder if folder.is_dir() else None


def dali_dataloader() -> ModuleType | None:
    """Return the host's module of DALI loaders, or None where DALI is not installed."""
    try:
        from solo.data import dali_dataloader
    except ImportError:
        return None
    return dali_dataloader


def _dali_batches(
    augmentations: ListConfig,
    folder: Path,
    in_folders: bool,
    size: int,
    batch_size: int,
    workers: int,
    device: str,
) -> Callable[[], Any]:
    from solo.data.dali_dataloader import PretrainPipelineBuilder, build_transform_pipeline_dali
    from solo.data.pretrain_dataloader import FullTransformPipeline, NCropAugmentation

    transforms = []
    for node in augmentations:
        # The host only accepts an int, and resizes the original to a square of this size.
        node = OmegaConf.merge(node, {"crop_size": size})
        transform = build_transform_pipeline_dali("custom", node, device)
        transforms.append(NCropAugmentation(transform, node.num_crops))
    builder = PretrainPipelineBuilder(
        folder,
        batch_size=batch_size,
        device=device,
        transforms=FullTransformPipeline(transforms),
        num_threads=workers,
        # Without labels the host only takes the files that lie in the folder itself, and with
        # labels only those in its folders.
        no_labels=not in_folders,
    )
    pipeline = builder.pipeline(
        batch_size=batch_size, num_threads=workers, device_id=0 if device == "gpu" else None, seed=0
    )
    pipeline.build()
    return pipeline.run
