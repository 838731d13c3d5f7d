"""Test that a batch is refused exactly if torch's batch norm would refuse it in the first step."""

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.methods.batch_norm import split_batch_norm
from leoclr_plugin.training.batch_of_one import check_batch_norm
from leoclr_plugin.training.pretrain import build_method, prepare
from tests.configs import method_cfg


def network(norm: nn.Module, stride: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, stride, stride), norm)


def config(batch_size: int = 1, splits: int = 1, **changes):
    nodes = {
        "optimizer": {"batch_size": batch_size},
        "method_kwargs": {"bn_splits": splits},
        "devices": [0],
    }
    return OmegaConf.create({"data": {}, **nodes, **changes})


def torch_refuses(net: nn.Module, batch_size: int, size: int) -> bool:
    try:
        net.train()(torch.rand(batch_size, 3, size, size))
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("norm", [nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Identity()])
def test_a_batch_is_refused_if_torch_refuses_it(norm, size, batch_size):
    net = network(norm)
    refused = torch_refuses(network(norm), batch_size, size)
    assert refused == (isinstance(norm, nn.BatchNorm2d) and (batch_size, size) == (1, 4))
    if not refused:
        check_batch_norm(net, config(batch_size), [(size, size)])
        return
    with pytest.raises(UserError, match=r"optimizer\.batch_size=1 leaves batch norm one value"):
        check_batch_norm(net, config(batch_size), [(8, 8), (size, size)])


def test_each_part_of_a_split_batch_needs_two_images():
    net = network(nn.BatchNorm2d(4))
    split_batch_norm(net, 4)
    with pytest.raises(
        UserError, match=r"in method_kwargs\.bn_splits=4 parts.*set it to at least 8"
    ):
        check_batch_norm(net, config(5, splits=4), [(4, 4)])
    check_batch_norm(net, config(8, splits=4), [(4, 4)])


def test_synchronised_batch_norm_over_several_gpus_is_accepted():
    net = network(nn.BatchNorm2d(4))
    check_batch_norm(net, config(sync_batchnorm=True, devices=[0, 1]), [(4, 4)])
    check_batch_norm(net, config(sync_batchnorm=True, num_nodes=2), [(4, 4)])
    for changes in ({"sync_batchnorm": True}, {"devices": [0, 1]}):
        with pytest.raises(UserError, match=r"optimizer\.batch_size=1 leaves"):
            check_batch_norm(net, config(**changes), [(4, 4)])


def test_the_check_changes_neither_the_network_nor_the_random_state():
    net = nn.Sequential(network(nn.BatchNorm2d(4)), nn.Dropout())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    check_batch_norm(net, config(), [(8, 8)])
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(("method", "size"), [("leoclr", 32), ("byol", 64)])
def test_methods_refuse_a_batch_of_one(method, size):
    cfg = method_cfg(method, optimizer__batch_size=1, backbone__name="resnet18")
    for node in cfg.augmentations:
        node.crop_size = [size, size]
    with pytest.raises(UserError, match=r"optimizer\.batch_size=1 leaves batch norm one value"):
        build_method(prepare(cfg))


def test_a_batch_of_one_larger_image_is_accepted():
    # A ResNet's last maps have several places at this size, so batch norm has several values.
    cfg = method_cfg(optimizer__batch_size=1, backbone__name="resnet18")
    for node in cfg.augmentations:
        node.crop_size = [64, 64]
    build_method(prepare(cfg))
