"""The host's ``mocov2plus`` with weights of pairs and of negatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from omegaconf import DictConfig

from leoclr_plugin.config.defaults import fill_in
from leoclr_plugin.config.leoclr import SelfPaced
from leoclr_plugin.config.notes import tell_unknown_keys_of
from leoclr_plugin.data.pairs.kinds import has_negatives, has_weights
from leoclr_plugin.host import host
from leoclr_plugin.losses.leoclr import cosine_similarities, leoclr_loss_func
from leoclr_plugin.methods.pacing import mean_pace, paces_of
from leoclr_plugin.methods.queue import enqueue_

_HostsOwn: Any = host().METHODS["mocov2plus"]


def asks_for_weights(cfg: DictConfig) -> bool:
    """Return whether a configuration has weights that the host's own class does not know."""
    return has_weights(cfg.data) or cfg.method_kwargs.get("self_paced") is not None


class WeightedMoCoV2Plus(_HostsOwn):
    """The host's ``mocov2plus``, with the weights of ``leoclr_loss_func`` in its loss.

    It has the networks, the names and the schedule of the host's own class; only the step differs,
    and it is the same under all hosts. A batch is ``[indexes, [X1, X2], targets]``. If
    ``data.pairs.kinds`` changes the loss, it has a fourth part, the weights ``[N, 2]`` of
    ``data.shown.Shown``: the first is the factor of both terms of an image. If some kind is one of
    negatives, a third view shows the negative of each image. It takes one forward pass of the
    momentum encoder, its key is an additional negative of both terms with the second weight, and it
    does not enter the queue.

    ``method_kwargs.self_paced`` weights the queue's negatives, see ``self_paced_weights``; then
    ``train_self_paced_weight`` is the mean of these weights.
    """

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        self._self_paced = self.cfg.method_kwargs.get("self_paced")
        self._has_negatives = has_negatives(self.cfg.data)

    @staticmethod
    def add_and_assert_specific_cfg(cfg: DictConfig) -> DictConfig:
        """Fill in the host's defaults and ours; say which of our settings are ignored."""
        cfg = _HostsOwn.add_and_assert_specific_cfg(cfg)
        settings = cfg.method_kwargs.get("self_paced")
        if settings is not None:
            tell_unknown_keys_of("method_kwargs.self_paced", settings, SelfPaced)
            fill_in(cfg.method_kwargs, "self_paced", SelfPaced)
        return cfg

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> torch.Tensor:
        """Return the weighted loss of two views, each the other's query, and the classifier's."""
        indexes, views, targets, *weights = batch
        views, pushed = (views[:2], views[2:]) if self._has_negatives else (views, [])
        # The step of the base class encodes the views; that of the host's own class has its loss.
        out = super(_HostsOwn, self).training_step([indexes, views, targets], batch_idx)
        (q1, q2), (k1, k2) = out["z"], out["momentum_z"]
        (own,) = (self.momentum_forward(view)["z"] for view in pushed) if pushed else (None,)
        queue = self.queue.clone()
        losses = []
        for query, key, keys in ((q1, k2, queue[1]), (q2, k1, queue[0])):
            positives, negatives = cosine_similarities(query, [key], keys)
            paces = paces_of(self, self._self_paced, negatives)
            losses.append(
                leoclr_loss_func(
                    positives,
                    negatives,
                    self.temperature,
                    weights=weights[0][:, :1] if weights else None,
                    paces=paces,
                    explicit=None if own is None else ((query * own).sum(dim=1), weights[0][:, 1]),
                )
            )
        nce_loss = sum(losses) / 2
        for places, keys in zip(self.queue, (k1, k2), strict=True):
            pointer = self.queue_ptr.clone()
            enqueue_(places, pointer, host().gather(keys))
        self.queue_ptr.copy_(pointer)
        self.log("train_nce_loss", nce_loss, on_epoch=True, sync_dist=True)
        if paces is not None:
            self.log("train_self_paced_weight", mean_pace(paces), on_epoch=True, sync_dist=True)
        return nce_loss + out["loss"]
