"""Torchvision's Faster R-CNN around a run's ResNet."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from leoclr_plugin.data.views import MeanAndStd
from leoclr_plugin.errors import UserError
from leoclr_plugin.host.bundled.backbones import features_dim
from leoclr_plugin.methods.batch_norm import SplitBatchNorm

_STAGES = ("layer1", "layer2", "layer3", "layer4")
_PYRAMID_CHANNELS = 256
# The numbers of detectron2's R50-C4, where torchvision's defaults, which are for a pyramid, differ.
_C4_ANCHORS = ((32, 64, 128, 256, 512),)
_RATIOS = ((0.5, 1.0, 2.0),)
_C4_REGION = 14
_C4_PROPOSALS = {"rpn_pre_nms_top_n_train": 12000, "rpn_pre_nms_top_n_test": 6000}


class Stage4Head(nn.Module):
    """The head of the boxes in a C4 network: the ResNet's last stage on the map of each region.

    A batch norm follows, as in MoCo's detector (arXiv:1911.05722, appendix A.4): the features of a
    network that was trained without labels have another scale than those of a classifier.
    """

    def __init__(self, layer4: nn.Module, features: int) -> None:
        super().__init__()
        self.layer4, self.norm = layer4, nn.BatchNorm2d(features)

    def forward(self, regions: torch.Tensor) -> torch.Tensor:
        """Turn maps ``[R, C, 14, 14]`` into features ``[R, F]``."""
        return self.norm(self.layer4(regions)).mean(dim=(2, 3))


def check_resnet(backbone: nn.Module, source: object) -> None:
    """Check that a backbone is a ResNet with the stem for photographs.

    Raises:
        UserError: if it is another network, has the small stem of CIFAR, or takes other images than
            those of three channels. It names ``source``, the checkpoint.
    """
    if not all(hasattr(backbone, name) for name in ("conv1", "maxpool", *_STAGES)):
        raise UserError(
            f"{source}: its backbone is a {type(backbone).__name__}, and Faster R-CNN is built on "
            "a ResNet; take a run with backbone.name=resnet18 or resnet50"
        )
    first = next(layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d))
    if first.in_channels != 3:
        raise UserError(
            f"{source}: its ResNet takes images of {first.in_channels} channels, and detection "
            "reads RGB"
        )
    if isinstance(backbone.maxpool, nn.Identity):
        raise UserError(
            f"{source}: its ResNet has the small stem for CIFAR, whose maps would be four times as "
            "wide and high as Faster R-CNN expects; take a run that was trained on other data"
        )


def build_detector(
    backbone: nn.Module,
    network: str,
    classes: int,
    min_size: list[int],
    max_size: int,
    mean_and_std: MeanAndStd,
) -> FasterRCNN:
    """Build a Faster R-CNN whose ResNet has the run's weights.

    The other weights are random. All weights learn, and batch norm is tuned, not frozen.

    Args:
        backbone: a ResNet of torchvision or timm; its layers become part of the detector.
        network: ``"c4"`` finds regions on the map of ``layer3``, of which a pixel stands for 16 of
            the image, and describes them by ``layer4``. ``"fpn"`` is torchvision's feature pyramid.
        classes: the number of classes without the background.
        min_size: see ``detection.min_size``.
        max_size: see ``detection.max_size``.
        mean_and_std: the normalisation of the images in the network's own training.
    """
    mean, std = mean_and_std
    for layer in backbone.modules():
        if isinstance(layer, SplitBatchNorm):
            # The parts are those of a pretraining's batch.
            layer.splits = 1
    backbone.requires_grad_(True)
    features = features_dim(backbone)
    images: dict[str, Any] = {
        "min_size": tuple(min_size),
        "max_size": max_size,
        "image_mean": list(mean),
        "image_std": list(std),
    }
    if network == "fpn":
        widths = [features // 8, features // 4, features // 2, features]
        outputs = {name: str(i) for i, name in enumerate(_STAGES)}
        pyramid = BackboneWithFPN(backbone, outputs, widths, _PYRAMID_CHANNELS)
        return FasterRCNN(pyramid, classes + 1, **images)
    layers = OrderedDict(backbone.named_children())
    below = nn.Sequential(OrderedDict(list(layers.items())[: list(layers).index("layer4")]))
    below.out_channels = features // 2
    return FasterRCNN(
        below,
        rpn_anchor_generator=AnchorGenerator(_C4_ANCHORS, _RATIOS),
        box_roi_pool=MultiScaleRoIAlign(["0"], _C4_REGION, sampling_ratio=0),
        box_head=Stage4Head(backbone.layer4, features),
        box_predictor=FastRCNNPredictor(features, classes + 1),
        **_C4_PROPOSALS,
        **images,
    )


def first_stages(detector: FasterRCNN, number: int) -> list[nn.Module]:
    """Return the layers of the ResNet's first stages in a detector of ``build_detector``.

    Args:
        detector: the detector. It is searched anew, because a synchronised batch norm replaces the
            layers of batch norm when a training starts.
        number: from 0 for none; 1 has all layers before ``layer1``, and 5 has all.
    """
    body = getattr(detector.backbone, "body", detector.backbone)
    layers = dict(body.named_children())
    if "layer4" not in layers:
        layers["layer4"] = detector.roi_heads.box_head.layer4
    if number == 0:
        return []
    end = list(layers).index(f"layer{min(number, 4)}") + (number == 5)
    return list(layers.values())[:end]
