"""The contract with a host: the names that the plugin uses, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig


@dataclass(frozen=True)
class Host:
    """One self-supervised learning library; the attributes have the names of solo-learn.

    Attributes:
        name: ``"solo-learn"`` or ``"bundled"``.
        location: the folder of its source.
        reason: why this host was chosen, in a sentence for ``leoclr doctor``.
        METHODS: maps the name of a method to its LightningModule class, which takes one ``cfg``.
        BaseMethod: base class of all methods; its ``_BACKBONES`` maps names to constructors.
        BaseMomentumMethod: base class of the methods with a momentum encoder.
        LinearModel: linear probe, ``LinearModel(backbone, cfg)``.
        MomentumUpdater: ``MomentumUpdater(base_tau, final_tau)`` with ``update(online, momentum)``.
        WeightedKNNClassifier: a metric of torchmetrics; ``compute()`` returns top-1 and top-5 in
            percent.
        Checkpointer: a callback of Lightning that writes ``<name>-<version>-ep=<n>.ckpt`` and
            ``args.json`` under ``<logdir>/<version>/``.
        AutoResumer: ``find_checkpoint(cfg)`` returns the newest checkpoint of a run with the same
            method, data set, backbone and optimizer; it does not compare the seeds.
        parse_pretrain_cfg: fills in the host's defaults and scales the learning rate.
        parse_linear_cfg: does the same for the linear probe.
        initialize_momentum_params: copies the online parameters to the momentum network and
            freezes them there.
        gather: concatenates a tensor over all processes, in rank order.
        omegaconf_select: works as ``OmegaConf.select``, but reads the string ``"None"`` as None.
        dali_batches: ``dali_batches(augmentations, folder, in_folders, size, batch_size, workers,
            device)`` returns a function that runs the host's own DALI pipeline for one batch. The
            images all lie in the folders of ``folder``, or, without ``in_folders``, in ``folder``
            itself. None for a host without such a pipeline.
        configs: the folder of the host's own ``<data set>/<method>.yaml``; None if it has none.
    """

    name: str
    location: str
    reason: str
    METHODS: dict[str, type]
    BaseMethod: type
    BaseMomentumMethod: type
    LinearModel: type
    MomentumUpdater: type
    WeightedKNNClassifier: type
    Checkpointer: type
    AutoResumer: type
    parse_pretrain_cfg: Callable[[DictConfig], DictConfig]
    parse_linear_cfg: Callable[[DictConfig], DictConfig]
    initialize_momentum_params: Callable[..., None]
    gather: Callable[..., Any]
    omegaconf_select: Callable[..., Any]
    dali_batches: Callable[..., Callable[[], Any]] | None = None
    configs: Path | None = None
