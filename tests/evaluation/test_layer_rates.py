"""Test the learning rates of layers, which are written out by hand."""

import timm
import torch
from pytest import approx
from torch import nn
from torchvision.models import resnet18

from leoclr_plugin.evaluation.layer_rates import layer_groups, layer_numbers
from leoclr_plugin.host.small_convnet import SmallConvNet


def rates(network: nn.Module, decay: float, rate: float = 1.0) -> dict[str, float]:
    """Return the rate of each parameter by name; each must be in one group."""
    of_id = {}
    for group in layer_groups(network, rate, decay):
        for param in group["params"]:
            assert id(param) not in of_id
            of_id[id(param)] = group["lr"]
    return {name: of_id[id(param)] for name, param in network.named_parameters()}


def test_a_network_of_three_layers():
    # Each convolution and the batch norm after it are a layer, and so is the last batch norm.
    expected = {
        **{"0.weight": 0.25, "1.weight": 0.25, "1.bias": 0.25},
        **{"3.weight": 0.5, "4.weight": 0.5, "4.bias": 0.5},
        **{"6.weight": 1, "7.weight": 1, "7.bias": 1, "11.weight": 1, "11.bias": 1},
    }
    assert rates(SmallConvNet(), 0.5) == expected


def test_a_plain_network_that_begins_with_a_norm():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert rates(network, 0.1, rate=3.0) == approx(
        {
            **{"0.weight": 0.3, "0.bias": 0.3, "1.weight": 0.3, "1.bias": 0.3},
            **{"3.weight": 3.0, "3.bias": 3.0},
        }
    )


def test_a_resnet_has_its_stem_and_eight_blocks():
    with torch.device("meta"):
        ours, timms = resnet18(), timm.create_model("resnet18", num_classes=0)
    ours.fc = nn.Identity()
    by_name = rates(ours, 0.5)
    assert by_name["conv1.weight"] == by_name["bn1.bias"] == 0.5**8
    assert by_name["layer1.0.conv1.weight"] == 0.5**7
    assert by_name["layer2.0.downsample.0.weight"] == by_name["layer2.0.conv2.weight"] == 0.5**5
    assert by_name["layer4.1.bn2.weight"] == 1
    # timm has the same layers for the network of the same name.
    assert layer_numbers(ours) == layer_numbers(timms)


def test_a_transformer_has_the_layers_of_timm():
    with torch.device("meta"):
        network = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    by_name = rates(network, 0.5)
    assert by_name["pos_embed"] == by_name["patch_embed.proj.weight"] == 0.5**12
    assert by_name["blocks.0.mlp.fc1.weight"] == 0.5**11
    assert by_name["blocks.11.attn.qkv.bias"] == by_name["norm.weight"] == 1


def test_without_decay_there_is_one_group():
    (group,) = layer_groups(SmallConvNet(), 0.3, 0)
    assert group["lr"] == 0.3
    assert len(group["params"]) == 11
