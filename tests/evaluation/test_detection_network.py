"""Test that the detectors are built of the run's layers, and which networks are refused."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

from leoclr_plugin.errors import UserError
from leoclr_plugin.evaluation.detection_network import build_detector, check_resnet, first_stages
from leoclr_plugin.host.bundled.backbones import build_backbone
from leoclr_plugin.host.small_convnet import SmallConvNet
from leoclr_plugin.methods.batch_norm import split_batch_norm
from tests.detection_pictures import tiny_resnet

NORMAL = ((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return tiny_resnet().eval()


def layers_of(network, images):
    x = network.maxpool(network.relu(network.bn1(network.conv1(images))))
    maps = []
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = layer(x)
        maps.append(x)
    return maps


def test_the_map_of_c4_is_the_output_of_the_runs_third_stage(backbone):
    images = torch.randn(2, 3, 64, 96)
    expected = layers_of(copy.deepcopy(backbone), images)
    network = build_detector(backbone, "c4", 3, [64], 96, NORMAL).eval()
    given = network.backbone(images)
    torch.testing.assert_close(given, expected[2])
    # A pixel of the map stands for 16 of the image.
    assert given.shape == (2, 64, 4, 6)
    assert network.roi_heads.box_head.layer4 is backbone.layer4
    # Without a training, the batch norm that follows changes nothing but its epsilon.
    regions = torch.randn(5, 64, 14, 14)
    features = network.roi_heads.box_head(regions)
    torch.testing.assert_close(
        features, backbone.layer4(regions).mean(dim=(2, 3)), rtol=1e-4, atol=1e-4
    )
    assert network.roi_heads.box_predictor.cls_score.out_features == 4


def test_the_pyramid_has_the_outputs_of_all_stages(backbone):
    images = torch.randn(1, 3, 64, 96)
    expected = layers_of(copy.deepcopy(backbone), images)
    network = build_detector(backbone, "fpn", 3, [64], 96, NORMAL).eval()
    maps = network.backbone.body(images)
    for given, stage in zip(maps.values(), expected, strict=True):
        torch.testing.assert_close(given, stage)
    assert list(network.backbone(images)) == ["0", "1", "2", "3", "pool"]


@pytest.mark.parametrize("kind", ["c4", "fpn"])
def test_all_layers_of_the_run_learn_from_its_weights(backbone, kind):
    split_batch_norm(backbone, 2)
    backbone.requires_grad_(False)
    initial = {k: v.clone() for k, v in backbone.state_dict().items()}
    network = build_detector(backbone, kind, 3, [64], 96, NORMAL)
    weights = {id(parameter): parameter for parameter in network.parameters()}
    for name, parameter in backbone.named_parameters():
        assert weights[id(parameter)].requires_grad, name
        assert torch.equal(parameter, initial[name])
    assert network.transform.image_mean == [0.5, 0.4, 0.3]
    # A training forward takes the statistics of the whole batch, as one process would.
    x = torch.randn(3, 64, 5, 5)
    expected = nn.functional.batch_norm(x, None, None, training=True)
    torch.testing.assert_close(backbone.bn1.train()(x), expected)


def test_widths_are_those_of_a_resnet50():
    network = build_detector(resnet50(), "c4", 20, [64], 96, NORMAL)
    assert network.backbone.out_channels == 1024
    assert network.roi_heads.box_head.norm.num_features == 2048
    assert network.rpn.head.cls_logits.out_channels == 15


@pytest.mark.parametrize("kind", ["c4", "fpn"])
def test_first_stages(backbone, kind):
    children = list(backbone.children())
    network = build_detector(backbone, kind, 3, [64], 96, NORMAL)
    for number, expected in {0: 0, 1: 4, 2: 5, 4: 7, 5: 8}.items():
        assert first_stages(network, number) == children[:expected]
    # A training on several GPUs replaces the layers of batch norm.
    network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    assert isinstance(first_stages(network, 1)[1], nn.SyncBatchNorm)


def test_other_networks_are_refused():
    check_resnet(tiny_resnet(), "x.ckpt")
    with pytest.raises(UserError, match=r"x\.ckpt: its backbone is a SmallConvNet, and Faster"):
        check_resnet(SmallConvNet(), "x.ckpt")
    with pytest.raises(UserError, match=r"x\.ckpt: its ResNet has the small stem for CIFAR"):
        check_resnet(build_backbone("resnet18", "leoclr", "cifar10", {}), "x.ckpt")
    grey = tiny_resnet()
    grey.conv1 = nn.Conv2d(1, 64, 7)
    with pytest.raises(UserError, match="takes images of 1 channels, and detection reads RGB"):
        check_resnet(grey, "x.ckpt")
