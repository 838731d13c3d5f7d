"""Detection: a Faster R-CNN with a run's ResNet learns to find objects, as MoCo's table measures.

MoCo (arXiv:1911.05722, table 2) trains on the sets trainval of VOC 2007 and 2012 and measures on
the set test of VOC 2007. ``scripts/detect/voc/moco.yaml`` has its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torchmetrics
from lightning.pytorch import LightningModule, seed_everything
from omegaconf import DictConfig
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics.detection.mean_ap import MeanAveragePrecision

from leoclr_plugin.config.check import check_config
from leoclr_plugin.config.defaults import fill_in
from leoclr_plugin.config.detection import Detection
from leoclr_plugin.config.keys import DETECT
from leoclr_plugin.config.notes import tell_unread_keys
from leoclr_plugin.data.detection_loader import DetectionLoader, Target
from leoclr_plugin.data.detection_sets import DetectionSet
from leoclr_plugin.data.sampler import ShardSampler, processes, sampler_of
from leoclr_plugin.data.views import MeanAndStd
from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.detection_network import build_detector, first_stages
from leoclr_plugin.host.bundled import optimizers
from leoclr_plugin.host.bundled.cfg import SHARED_DEFAULTS, set_defaults
from leoclr_plugin.training.fit import fit, validate
from leoclr_plugin.training.resume import resume
from leoclr_plugin.training.trainer import build_trainer, settle_hardware

# The literature's rates are for a batch of 16 images.
_USUAL_BATCH = 16
# As in detectron2, the warmup starts at this share of the rate.
_WARMUP_START = 1e-3
_FIGURES = {"AP": "map", "AP50": "map_50", "AP75": "map_75"}


class Detector(LightningModule):
    """A Faster R-CNN in training. Batches are those of a ``DetectionLoader``.

    Attributes:
        network: the Faster R-CNN.
        loss_terms: the four losses of the last step, by name.
    """

    def __init__(
        self, backbone: nn.Module, classes: int, mean_and_std: MeanAndStd, cfg: DictConfig
    ) -> None:
        """Create the model.

        Args:
            backbone: the run's ResNet, which becomes part of it.
            classes: the number of classes without the background.
            mean_and_std: the normalisation of the images in the network's own training.
            cfg: a configuration after ``parse_detection``.
        """
        super().__init__()
        settings = cfg.detection
        self.network = build_detector(
            backbone,
            settings.network,
            classes,
            list(settings.min_size),
            settings.max_size,
            mean_and_std,
        )
        self._frozen_stages = settings.frozen_stages
        for stage in first_stages(self.network, self._frozen_stages):
            stage.requires_grad_(False)
        self._warmup, self._decays = settings.warmup_steps, list(settings.lr_decay_steps)
        self._seed = cfg.seed
        optimizers.take_settings(self, cfg)
        self._precision = MeanAveragePrecision()
        self.loss_terms: dict[str, torch.Tensor] = {}

    def train(self, mode: bool = True) -> Detector:
        """Change the mode; frozen stages keep their statistics."""
        super().train(mode)
        for stage in first_stages(self.network, self._frozen_stages):
            stage.eval()
        return self

    def configure_optimizers(self) -> Any:
        """Build the optimizer and the schedule by steps."""
        groups = [{"params": [p for p in self.network.parameters() if p.requires_grad]}]
        optimizer = optimizers.configure_optimizers(self, groups)
        schedule = LambdaLR(optimizer, self._share_of_rate)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def _share_of_rate(self, step: int) -> float:
        done = min(1.0, step / self._warmup) if self._warmup else 1.0
        decays = sum(step >= decay for decay in self._decays)
        return (_WARMUP_START + (1 - _WARMUP_START) * done) * 0.1**decays

    def training_step(self, batch: Sequence[list], batch_idx: int) -> torch.Tensor:
        """Return the sum of the two losses of the regions and the two of their classes."""
        images, targets = batch
        # The network draws sizes, anchors and regions. If the place in the training decides them, a
        # resumed training draws as the uninterrupted one, on a GPU too.
        place = [self._seed, self.current_epoch, batch_idx, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        self.loss_terms = self.network(_levels(images), targets)
        loss = sum(self.loss_terms.values())
        log = {"train_loss": loss, **{f"train_{k}": v for k, v in self.loss_terms.items()}}
        self.log_dict(log, batch_size=len(images))
        return loss

    def validation_step(self, batch: Sequence[list], batch_idx: int) -> None:
        """Detect the objects of a batch and keep what was found."""
        images, targets = batch
        self._precision.update(self.network(_levels(images)), list(map(_counted, targets)))

    def on_validation_epoch_end(self) -> None:
        """Log the average precisions."""
        figures = self._precision.compute()
        self._precision.reset()
        # All processes have the same figures.
        self.log_dict({f"val_{k}": figures[v] for k, v in _FIGURES.items()}, sync_dist=True)


def _levels(images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [image.float() / 255 for image in images]


def _counted(target: Target) -> Target:
    return {name: target[name] for name in ("boxes", "labels", "iscrowd")}


def detect(
    backbone: nn.Module,
    cfg: DictConfig,
    train: DetectionSet,
    val: DetectionSet,
    mean_and_std: MeanAndStd,
) -> dict[str, Any]:
    """Train a detector, or resume its training, and measure it.

    Args:
        backbone: a ResNet that ``check_resnet`` accepts; it is changed.
        cfg: a configuration of ``scripts/detect`` after ``parse_detection``.
        train: the pictures to train on; those without an object are left out.
        val: the pictures to measure on.
        mean_and_std: the normalisation of the images in the network's own training.

    Returns:
        ``AP``, the mean over the thresholds 0.5, 0.55, ..., 0.95 of the overlap, ``AP50`` and
        ``AP75`` in percent, as COCO defines them; and the number of ``steps``, ``train_images`` and
        ``val_images``.

    Raises:
        UserError: if an image cannot be read or there are fewer images than a batch has.
    """
    seed_everything(cfg.seed, workers=True)
    train_loader, val_loader = _loader(train, cfg, True), _loader(val, cfg, False)
    model = Detector(backbone, len(train.classes), mean_and_std, cfg).train()
    earlier = resume(cfg, DETECT, model)
    trainer = build_trainer(cfg, DETECT, [], sampler_of(train_loader), earlier)
    if earlier is None or not earlier.complete:
        fit(trainer, model, train_loader, None, earlier)
    validate(trainer, model, val_loader)
    return {
        **{name: 100 * float(trainer.callback_metrics[f"val_{name}"]) for name in _FIGURES},
        "steps": max(trainer.global_step, earlier.steps if earlier else 0),
        "train_images": len(train_loader.dataset),
        "val_images": len(val_loader.dataset),
    }


def _loader(pictures: DetectionSet, cfg: DictConfig, training: bool) -> DetectionLoader:
    chosen = [p for p in pictures.pictures if not (training and p.ignored.all())]
    needed = processes(cfg) * (cfg.optimizer.batch_size if training else 1)
    if len(chosen) < needed:
        raise UserError(
            f"a batch of all processes has {needed} images, and there are {len(chosen)} with an "
            "object; lower optimizer.batch_size"
        )
    sampler = ShardSampler(len(chosen), cfg.optimizer.batch_size, cfg.seed, training)
    return DetectionLoader(chosen, sampler, cfg.data.num_workers)


def parse_detection(cfg: DictConfig) -> DictConfig:
    """Check a composed configuration of ``scripts/detect`` and fill it in.

    The learning rate is multiplied by batch size x devices x nodes / 16.

    Raises:
        UserError: for a missing key, a value out of its range, missing hardware or packages.
    """
    if not find_spec("pycocotools") or int(torchmetrics.__version__.split(".")[0]) < 1:
        raise UserError(
            "leoclr detect needs pycocotools and torchmetrics of at least 1.0; run: pip install "
            '"leoclr-plugin[detect]"'
        )
    check_config(cfg, DETECT)
    tell_unread_keys(cfg, DETECT)
    settle_hardware(cfg)
    fill_in(cfg, "detection", Detection)
    # The host's own schedules count in epochs, so this training has none of them.
    set_defaults(cfg, {**SHARED_DEFAULTS, **optimizers.DEFAULTS})
    cfg.scheduler.name, cfg.max_epochs = "none", -1
    cfg.seed = cfg.seed or 0
    cfg.optimizer.lr *= cfg.optimizer.batch_size * processes(cfg) / _USUAL_BATCH
    return cfg
