"""What the plugin asks of a host: the names it uses, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig


@dataclass(frozen=True)
class Host:
    """One self-supervised learning library, seen through the names that solo-learn gives them.

    Attributes:
        name: ``"solo-learn"`` or ``"bundled"``.
        location: folder of its source.
        reason: why this host was taken, a sentence for ``leoclr doctor``.
        METHODS: name of a method to its LightningModule class, which takes one ``cfg``.
        BaseMethod: base class of all methods; ``_BACKBONES`` maps names to constructors.
        BaseMomentumMethod: base class of the methods with a momentum encoder.
        LinearModel: linear probe, ``LinearModel(backbone, cfg)``.
        MomentumUpdater: ``MomentumUpdater(base_tau, final_tau)`` with ``update(online, momentum)``.
        WeightedKNNClassifier: torchmetrics metric, ``compute()`` gives top-1 and top-5 in percent.
        OfflineUMAP: ``plot(device, model, loader, path)`` saves a scatter of the features.
        Checkpointer: Lightning callback that writes ``<name>-<version>-ep=<n>.ckpt`` and
            ``args.json`` under ``<logdir>/<version>/``.
        AutoResumer: ``find_checkpoint(cfg)`` gives the newest checkpoint of a run whose method,
            data set, backbone and optimizer are the same; seeds are not looked at.
        parse_pretrain_cfg: fills in the host's defaults and scales the learning rate.
        parse_linear_cfg: the same for the linear probe.
        initialize_momentum_params: copies online to momentum parameters and freezes them.
        gather: concatenates a tensor over all processes, in rank order.
        omegaconf_select: ``OmegaConf.select`` that reads the string ``"None"`` as None.
        dali_batches: ``dali_batches(augmentations, folder, size, batch_size, workers, device)``
            gives a function that runs the host's own DALI pipeline for a batch; None for a host
            that has none.
        configs: folder of the host's own ``<data set>/<method>.yaml``; None where there is none.
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
    OfflineUMAP: type
    Checkpointer: type
    AutoResumer: type
    parse_pretrain_cfg: Callable[[DictConfig], DictConfig]
    parse_linear_cfg: Callable[[DictConfig], DictConfig]
    initialize_momentum_params: Callable[..., None]
    gather: Callable[..., Any]
    omegaconf_select: Callable[..., Any]
    dali_batches: Callable[..., Callable[[], Any]] | None = None
    configs: Path | None = None
