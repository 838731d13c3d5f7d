"""The keys of ``method_kwargs`` and ``momentum`` for LeOCLR, and ours for ``mocov2plus``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leoclr_plugin.config.keys import Natural, Node, Share, key

_OURS = {"of": "leoclr"}
_Age = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SelfPaced(Node):
    """``self_paced``: weights of the queue's negatives, by which easy ones count first."""

    age: _Age = key(1.0, "age at the start; at 1 the hardest negative counts for nothing", **_OURS)
    final_age: _Age | None = key(
        None, "age at the end; null for all negatives in full, the ordinary loss", **_OURS
    )
    until: Share = key(0.5, "part of the training in which the age grows", **_OURS)


class MoCoV2PlusSettings(Node):
    """Keys of ours in ``method_kwargs`` of ``method: mocov2plus``, beside the host's."""

    self_paced: SelfPaced = key(None, "self-paced weights of the negatives", null=True, **_OURS)


class LeOCLRSettings(Node):
    """``method_kwargs`` of ``method: leoclr``."""

    proj_hidden_dim: Natural = key(2048, "units of the projector's hidden layer", **_OURS)
    proj_output_dim: Natural = key(128, "dimension of a projection", **_OURS)
    queue_size: Natural = key(65536, "number of negatives in the queue", **_OURS)
    temperature: float = key(0.2, "temperature of InfoNCE", limits={"gt": 0}, **_OURS)
    loss_reduction: Literal["sum", "mean"] = key(
        "sum", "sum the crops' losses, as in the paper's eq. 2, or take their mean", **_OURS
    )
    queue_keys: Literal["all", "first", "last"] = key(
        "all", "the crops with keys that enter the queue", **_OURS
    )
    anchor: Literal["original", "crop"] = key(
        "original",
        "the last view: the whole image, or another crop for an ablation",
        **_OURS,
    )
    query: Literal["anchor", "crops", "both"] = key(
        "anchor", "the views that the query encoder sees", **_OURS
    )
    key_forward: Literal["separate", "joint"] = key(
        "separate",
        "one forward pass of the momentum encoder for each crop, or one for all crops",
        **_OURS,
    )
    bn_splits: Natural = key(
        1, "parts of a process's batch that have their own batch statistics", **_OURS
    )
    shuffle_keys: bool = key(
        False, "shuffle the momentum encoder's batches over the parts and processes", **_OURS
    )
    self_paced: SelfPaced = key(None, "self-paced weights of the negatives", null=True, **_OURS)


class Momentum(Node):
    """``momentum``: how the momentum encoder follows the query encoder."""

    base_tau: Share = key(0.999, "momentum at the first step (other methods: 0.99)")
    final_tau: Share = key(0.999, "momentum at the last step (other methods: 1.0)")
    classifier: bool = key(
        False, "train an online classifier on the momentum encoder's features as well"
    )
