"""A small host with solo-learn's contract, for machines that can only install from PyPI.

It is not a second solo-learn: it has the base classes, three baselines and three evaluators, with
solo-learn's names for classes and files.
"""

from __future__ import annotations

from pathlib import Path

from leoclr_plugin.host.contract import Host
from leoclr_plugin.host.select import Choice


def load(choice: Choice) -> Host:
    """Return the bundled host, which needs nothing beyond the plugin's own requirements."""
    from leoclr_plugin.host.bundled.auto_resumer import AutoResumer
    from leoclr_plugin.host.bundled.base import BaseMethod, BaseMomentumMethod
    from leoclr_plugin.host.bundled.byol import BYOL
    from leoclr_plugin.host.bundled.cfg import (
        omegaconf_select,
        parse_linear_cfg,
        parse_pretrain_cfg,
    )
    from leoclr_plugin.host.bundled.checkpointer import Checkpointer
    from leoclr_plugin.host.bundled.gather import gather
    from leoclr_plugin.host.bundled.knn import WeightedKNNClassifier
    from leoclr_plugin.host.bundled.linear import LinearModel
    from leoclr_plugin.host.bundled.mocov2plus import MoCoV2Plus
    from leoclr_plugin.host.bundled.momentum import MomentumUpdater, initialize_momentum_params
    from leoclr_plugin.host.bundled.simclr import SimCLR

    return Host(
        name="bundled",
        location=str(Path(__file__).parent),
        reason=choice.reason,
        METHODS={"byol": BYOL, "mocov2plus": MoCoV2Plus, "simclr": SimCLR},
        BaseMethod=BaseMethod,
        BaseMomentumMethod=BaseMomentumMethod,
        LinearModel=LinearModel,
        MomentumUpdater=MomentumUpdater,
        WeightedKNNClassifier=WeightedKNNClassifier,
        Checkpointer=Checkpointer,
        AutoResumer=AutoResumer,
        parse_pretrain_cfg=parse_pretrain_cfg,
        parse_linear_cfg=parse_linear_cfg,
        initialize_momentum_params=initialize_momentum_params,
        gather=gather,
        omegaconf_select=omegaconf_select,
    )
