"""LeOCLR: the whole image is the anchor, and every crop is pulled to it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from omegaconf import DictConfig
from torch import nn

from leoclr_plugin.config.check import check_leoclr
from leoclr_plugin.config.defaults import fill_in
from leoclr_plugin.config.leoclr import LeOCLRSettings, Momentum, SelfPaced
from leoclr_plugin.data.pairs.kinds import has_negatives
from leoclr_plugin.data.pairs.where import ORIGINALS, SECOND, shows
from leoclr_plugin.host import host
from leoclr_plugin.losses.leoclr import cosine_similarities, leoclr_loss_func
from leoclr_plugin.methods.batch_norm import (
    join_by_parts,
    separate_by_parts,
    split_batch_norm,
)
from leoclr_plugin.methods.momentum import ForeachMomentumUpdater
from leoclr_plugin.methods.pacing import mean_pace, paces_of
from leoclr_plugin.methods.queue import enqueue_, filled_places
from leoclr_plugin.methods.shuffle import BatchShuffle


class LeOCLR(host().BaseMomentumMethod):
    """LeOCLR (Alkhalefi, Leontidis, Zhong, TMLR 2024, arXiv:2403.06813).

    The query encoder sees the original image X, which is resized but never cropped. The momentum
    encoder sees n random crops of it. A step takes one forward and backward pass of the query
    encoder and n forward passes of the momentum encoder. Without labels (all targets -1) the
    online classifier's loss is 0.

    A batch is ``[indexes, [X1, ..., Xn, X], targets]``: the crops come first and the original
    last. Each view has the shape ``[N, 3, H, W]``. The targets are int64 of shape ``[N]``, and -1
    means that there is no label.

    The settings are those that ``leoclr_plugin.config.leoclr`` declares: ``method_kwargs`` in
    ``LeOCLRSettings`` and ``momentum`` in ``Momentum``.

    The paper leaves some points open. We read them as follows:

    - All keys enter the queue (``queue_keys: all``). Eq. 2 treats the crops alike, and all keys
      are computed anyway, so the negatives are fresher at no cost. ``first`` is MoCo's one key
      per image.
    - The momentum is constant, as in MoCo-v2.
    - The crops go through the momentum encoder one after the other, so that each crop has its
      own batch statistics. With ``key_forward: joint`` all crops share theirs.
    - The queue starts empty, and only keys are negatives. MoCo starts from random vectors, but
      these push no image away from another. Until keys had replaced them, the network would
      learn from the positives alone and collapse (measured: benchmarks/RESULTS.md). The first
      step therefore has no negatives and a contrastive loss of 0.

    ``query: both`` goes beyond the paper: it makes eq. 2 symmetric, as ``mocov2plus`` does with
    MoCo-v2's loss. X and the crops go through both encoders. The loss gains a term for each crop
    as a query; its positive is X's key, and its negatives are earlier keys of originals, in
    ``queue[1]``. No crop is pulled to another crop. If a forward pass costs 1 and a forward and
    backward pass costs 3, a step costs 4 (n + 1) instead of n + 3.

    Weights, which the paper does not have either: if ``data.pairs.kinds`` changes the loss, a batch
    has a fourth part, the weights ``[N, 2]`` of ``data.shown.Shown``. The first is the factor of an
    image's terms in which one view shows the image and the other its partner. If some kind is one
    of negatives, one more view is the last: a crop of the negative of each image. It takes a
    forward pass of the momentum encoder, its key is an additional negative in all terms of the
    image with the second weight, and it does not enter the queue. ``self_paced`` weights the
    queue's negatives, see ``self_paced_weights``.

    Several processes: each process pulls its own crops to its own originals. The keys of all
    processes are gathered and enter every queue in the order of the ranks, so that all queues
    are the same. As in MoCo each process has its own batch statistics; with
    ``sync_batchnorm: True`` all processes share them. ``bn_splits`` splits the batch of one
    process as if there were several processes. ``shuffle_keys`` keeps the network from matching
    query and key by their batch statistics (MoCo, section 3.3). Both are off, because neither
    changed the accuracy where it was measured (benchmarks/RESULTS.md).

    Gradient accumulation: the keys of each batch enter the queue after its own backward pass and
    are negatives of the next batch. The momentum networks, the momentum's schedule and the
    learning rate's schedule move once for each optimizer step.

    Logged metrics:

    - ``train_nce_loss``: the contrastive loss.
    - ``train_positive_cosine_<i>``: the mean cosine of each query and its i-th positive.
    - ``train_nce_acc1`` and ``train_nce_acc5``: percent of positives that rank first, or among
      the first five, against the queue.
    - ``train_z_std``: the standard deviation over the batch of the query's normalised
      projections. It is about 1/sqrt(D) when they spread and 0 when they collapse.
    - ``train_self_paced_weight``: with ``self_paced``, the mean weight of the queue's negatives.
    - ``tau``: the momentum.
    - The host's classifier and kNN metrics on the features of the query, and its momentum
      classifier's metrics on the features of the keys.

    Attributes:
        loss_terms: scalars of the last step by name; they show which part of a loss is not
            finite.

    Raises:
        UserError: if a setting is out of its range.
    """

    queue: torch.Tensor
    queue_ptr: torch.Tensor

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        kwargs = self.cfg.method_kwargs
        self.temperature: float = kwargs.temperature
        self.loss_reduction: str = kwargs.loss_reduction
        self.queue_keys: str = kwargs.queue_keys
        self.query: str = kwargs.query
        self.key_forward: str = kwargs.key_forward
        self.shuffle_keys: bool = kwargs.shuffle_keys
        self.bn_splits: int = kwargs.bn_splits

        if kwargs.bn_splits > 1:
            for backbone in (self.backbone, self.momentum_backbone):
                split_batch_norm(backbone, kwargs.bn_splits)
        self.projector = self._build_projector()
        self.momentum_projector = self._build_projector()
        host().initialize_momentum_params(self.projector, self.momentum_projector)
        self.momentum_updater = ForeachMomentumUpdater(
            self.cfg.momentum.base_tau, self.cfg.momentum.final_tau
        )

        places = (kwargs.proj_output_dim, kwargs.queue_size)
        # With both as queries the first queue holds keys of crops, the second keys of originals.
        shape, queues = ((2, *places), 2) if self.query == "both" else (places, 1)
        self.register_buffer("queue", torch.zeros(shape))
        self.register_buffer("queue_ptr", torch.zeros(queues, dtype=torch.long))
        # All processes enqueue the same keys. Without this line DistributedDataParallel would
        # send the whole queue from the first process to the others in each step.
        self._ddp_params_and_buffers_to_ignore = ["queue", "queue_ptr"]
        # These are Python's numbers, because a step that read them from a tensor would wait for
        # the GPU. They are counted anew after a checkpoint has replaced the queue.
        self._keys_in_queues: list[int] | None = None
        self.register_load_state_dict_post_hook(_forget_number_of_keys)
        self._new_keys: list[torch.Tensor] = []
        self._where = (self.cfg.data.get("pairs") or {}).get("where", SECOND)
        self._originals = 2 if self._where == ORIGINALS else 1
        self._has_negatives = has_negatives(self.cfg.data)
        self._self_paced = kwargs.get("self_paced")
        self.loss_terms: dict[str, torch.Tensor] = {}

    def _build_projector(self) -> nn.Sequential:
        kwargs = self.cfg.method_kwargs
        return nn.Sequential(
            nn.Linear(self.features_dim, kwargs.proj_hidden_dim),
            nn.ReLU(),
            nn.Linear(kwargs.proj_hidden_dim, kwargs.proj_output_dim),
        )

    @staticmethod
    def add_and_assert_specific_cfg(cfg: DictConfig) -> DictConfig:
        """Fill in LeOCLR's defaults and check their ranges; say which settings are ignored.

        Args:
            cfg: the configuration; changed in place.

        Returns:
            The same object.

        Raises:
            UserError: naming the key, its value and what it may be.
        """
        # Before the base class, whose defaults are a schedule from 0.99 to 1.
        fill_in(cfg, "momentum", Momentum)
        cfg = super(LeOCLR, LeOCLR).add_and_assert_specific_cfg(cfg)
        fill_in(cfg, "method_kwargs", LeOCLRSettings)
        check_leoclr(cfg)
        if cfg.method_kwargs.get("self_paced") is not None:
            fill_in(cfg.method_kwargs, "self_paced", SelfPaced)
        return cfg

    @property
    def learnable_params(self) -> list[dict[str, Any]]:
        """The host's parameter groups, and one for the projector."""
        projector = {"name": "projector", "params": self.projector.parameters()}
        return [*super().learnable_params, projector]

    @property
    def momentum_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """The pairs (online, momentum) of networks: the host's backbones and the projectors."""
        return [*super().momentum_pairs, (self.projector, self.momentum_projector)]

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Encode images ``[N, 3, H, W]`` with the query encoder.

        Returns:
            The host's ``feats`` and ``logits``, and ``z``: the L2-normalised projections
            ``[N, D]`` in float32 (float64 with ``precision: 64``).
        """
        out = super().forward(X)
        out["z"] = _normalized(self.projector(out["feats"]))
        return out

    @torch.no_grad()
    def momentum_forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        """Encode crops ``[N, 3, H, W]`` with the momentum encoder, without a graph.

        Returns:
            ``feats``, and ``z``: the L2-normalised keys ``[N, D]``, of the same dtype as the
            projections of ``forward``.
        """
        out = super().momentum_forward(X)
        out["z"] = _normalized(self.momentum_projector(out["feats"]))
        return out

    def on_train_start(self) -> None:
        """Silence Lightning's advice on metrics that are means over the processes already."""
        super().on_train_start()
        warnings.filterwarnings("ignore", r"It is recommended to use `self\.log\('train_")

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> torch.Tensor:
        """Pass X through the query encoder and the crops through the momentum encoder.

        With ``query: crops`` the encoders swap their views. With ``query: both`` each encoder
        sees all of them.

        Args:
            batch: ``[indexes, [X1, ..., Xn, X], targets]``; with ``data.pairs.where: originals``
                the partner's original X' follows X, and the crops are pulled to both; with
                ``data.pairs.kinds`` there are weights and perhaps a negative, see the class.
            batch_idx: number of the batch within the epoch.

        Returns:
            A scalar: LeOCLR's loss plus the online classifiers' losses.
        """
        _, views, targets, *weights = batch
        views, pushed = (views[:-1], views[-1:]) if self._has_negatives else (views, [])
        numbers = list(range(len(views)))
        crops, originals = numbers[: -self._originals], numbers[-self._originals :]
        pairings = {"anchor": [(originals, crops)], "crops": [(crops, originals)]}
        pairings["both"] = pairings["anchor"] + pairings["crops"]
        shown = shows(self._where, len(crops), len(views))

        outs, momentum_outs, keys, cosines, losses, self._new_keys = [], [], [], [], [], []
        own_negatives = [self._encode_keys([view], targets)[1][0] for view in pushed]
        for (queries, others), queue in zip(pairings[self.query], self._negatives(), strict=True):
            # The host's own training_step would run all views through both encoders.
            query_outs = [self.base_training_step(views[i], targets) for i in queries]
            key_outs, new_keys = self._encode_keys([views[i] for i in others], targets)
            for query, out in zip(queries, query_outs, strict=True):
                positives, negatives = cosine_similarities(out["z"], new_keys, queue)
                is_pair = [shown[query] != shown[other] for other in others]
                more = self._weights_in_loss(out["z"], negatives, is_pair, weights, own_negatives)
                cosines.append((positives, negatives, more.get("paces")))
                losses.append(
                    leoclr_loss_func(
                        positives, negatives, self.temperature, self.loss_reduction, **more
                    )
                )
            # The classifier does not learn from the partner's original, whose class is another's.
            outs += query_outs[:1] if queries is originals else query_outs
            momentum_outs += key_outs
            keys += new_keys
            self._new_keys.append(torch.cat(self._keys_for_queue(new_keys)))
        nce_loss = sum(losses) if self.loss_reduction == "sum" else sum(losses) / len(losses)

        class_loss = sum(o["loss"] for o in outs) / len(outs)
        out, (positives, negatives, paces) = outs[0], cosines[0]
        if self.knn_eval:
            labelled = targets != -1
            self.knn.update(
                train_features=out["feats"][labelled].detach(), train_targets=targets[labelled]
            )

        metrics = {
            "train_nce_loss": nce_loss,
            "train_class_loss": class_loss,
            "train_acc1": out["acc1"],
            "train_acc5": out["acc5"],
            **_contrastive_metrics(out["z"], positives, negatives),
        }
        if paces is not None:
            metrics["train_self_paced_weight"] = mean_pace(paces)
        if self.momentum_classifier is not None:
            for name, key in (("class_loss", "loss"), ("acc1", "acc1"), ("acc5", "acc5")):
                mean = sum(o[key] for o in momentum_outs) / len(momentum_outs)
                metrics[f"train_momentum_{name}"] = mean
            class_loss = class_loss + metrics["train_momentum_class_loss"]
        self.log_dict(_mean_over_processes(metrics), on_epoch=True)
        self.loss_terms = {
            "contrastive loss": nce_loss.detach(),
            "classifier loss": class_loss.detach(),
            "query projection": sum(out["z"].detach().sum() for out in outs),
            **{f"key projection {i}": key.sum() for i, key in enumerate(keys, start=1)},
        }
        return nce_loss + class_loss

    def _weights_in_loss(
        self,
        query: torch.Tensor,
        negatives: torch.Tensor,
        is_pair: Sequence[bool],
        weights: Sequence[torch.Tensor],
        own_negatives: Sequence[torch.Tensor],
    ) -> dict[str, torch.Tensor | tuple[torch.Tensor, torch.Tensor]]:
        """Return the arguments of ``leoclr_loss_func`` that are beyond the paper.

        Args:
            query: the projections ``[N, D]``.
            negatives: their cosines with the queue ``[N, K]``.
            is_pair: for each positive, whether it shows another image than the query.
            weights: the batch's weights ``[N, 2]``, or nothing.
            own_negatives: the keys ``[N, D]`` of the images' own negatives, or nothing.
        """
        more: dict[str, Any] = {}
        paces = paces_of(self, self._self_paced, negatives)
        if paces is not None:
            more["paces"] = paces
        for of_pair, of_negative in (given.unbind(dim=1) for given in weights):
            ones = torch.ones_like(of_pair)
            more["weights"] = torch.stack([of_pair if pair else ones for pair in is_pair], dim=1)
            for key in own_negatives:
                more["explicit"] = (query * key).sum(dim=1), of_negative
        return more

    def _encode_keys(
        self, views: list[torch.Tensor], targets: torch.Tensor
    ) -> tuple[list[dict[str, Any]], list[torch.Tensor]]:
        """Return the host's outputs of each momentum forward, and each view's keys ``[N, D]``."""
        together = len(views) if self.key_forward == "joint" else 1
        splits = self.bn_splits if together > 1 else 1
        if together > 1:
            views = [join_by_parts(views, splits)]
            targets = join_by_parts([targets] * together, splits)
        outs = []
        for batch in views:
            if self.shuffle_keys:
                shuffle = BatchShuffle(len(batch), self.global_step)
                out = self._shared_step_momentum(shuffle(batch), shuffle(targets))
                out["z"] = shuffle.undo(out["z"])
            else:
                out = self._shared_step_momentum(batch, targets)
            outs.append(out)
        keys = [separate_by_parts(out["z"], together, splits) for out in outs]
        return outs, [key for of_a_batch in keys for key in of_a_batch]

    def _queues(self) -> list[torch.Tensor]:
        return list(self.queue.view(-1, *self.queue.shape[-2:]))

    def _negatives(self) -> list[torch.Tensor]:
        queues = self._queues()
        if self._keys_in_queues is None:
            self._keys_in_queues = [filled_places(queue) for queue in queues]
        return [q[:, :filled] for q, filled in zip(queues, self._keys_in_queues, strict=True)]

    def _keys_for_queue(self, keys: list[torch.Tensor]) -> list[torch.Tensor]:
        if self.queue_keys == "all":
            return keys
        return [keys[0] if self.queue_keys == "first" else keys[-1]]

    def on_after_backward(self) -> None:
        """Enqueue the step's keys.

        The backward pass needs the queue as the loss saw it. If the keys entered earlier, each
        step would have to copy the whole queue.
        """
        for i, new_keys in enumerate(self._new_keys):
            queue = self._queues()[i]
            keys = host().gather(new_keys)
            enqueue_(queue, self.queue_ptr[i : i + 1], keys)
            self._keys_in_queues[i] = min(self._keys_in_queues[i] + len(keys), queue.shape[1])
        self._new_keys = []


@torch.no_grad()
def _contrastive_metrics(
    query: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor
) -> dict[str, torch.Tensor]:
    # A positive's rank is the number of negatives that are nearer to the query. The five nearest
    # negatives suffice for both accuracies; counting all of them took a twentieth of a step.
    nearest = negatives.topk(min(5, negatives.shape[1]), dim=1).values
    ranks = (nearest[:, None] > positives[:, :, None]).sum(dim=2)
    metrics = {
        "train_nce_acc1": 100.0 * (ranks < 1).float().mean(),
        "train_nce_acc5": 100.0 * (ranks < 5).float().mean(),
        "train_z_std": query.std(dim=0).mean(),
    }
    for i, cosine in enumerate(positives.mean(dim=0), start=1):
        metrics[f"train_positive_cosine_{i}"] = cosine
    return metrics


def _mean_over_processes(metrics: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if not dist.is_initialized():
        return metrics
    # All metrics share one collective; Lightning's sync_dist would make one for each metric.
    values = torch.cat([value.detach().float().reshape(1) for value in metrics.values()])
    dist.all_reduce(values)
    return dict(zip(metrics, values / dist.get_world_size(), strict=True))


def _normalized(projection: torch.Tensor) -> torch.Tensor:
    # Under autocast the projection is in half precision, which is too coarse for a norm.
    exact = torch.promote_types(projection.dtype, torch.float32)
    return F.normalize(projection.to(exact), dim=-1)


def _forget_number_of_keys(method: LeOCLR, incompatible_keys: Any) -> None:
    method._keys_in_queues = None
