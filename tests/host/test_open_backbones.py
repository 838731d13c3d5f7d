"""Any model of timm and any class of one's own is a backbone, besides the host's own."""

import sys

import pytest
import timm
import torch
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.training.pretrain import build_method, prepare
from tests.configs import method_cfg, small_config
from tests.conftest import available_hosts, run_leoclr

NETWORK = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self, width=8, flat=True):
        super().__init__(nn.Conv2d(3, width, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        if flat:
            self.append(nn.Flatten())
        self.num_features = width


def no_network():
    return 5
"""


@pytest.fixture
def own_network(tmp_path, monkeypatch):
    """Write a module with networks of one's own, and return its folder."""
    (tmp_path / "my_networks.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_networks", None)


# The name of the second begins as those of the host's own ResNets, which it treats in its own way.
# In the third, timm has a layer between what it calls features and the classifier.
@pytest.mark.parametrize("name", ["test_vit", "resnet10t", "mobilenetv3_small_050", "test_resnet"])
def test_models_of_timm_are_taken_by_name(name):
    cfg = method_cfg(backbone__name=name)
    if name == "test_vit":
        cfg.backbone.kwargs = {"img_size": 32}
    method = build_method(prepare(cfg))
    model = timm.create_model(name, num_classes=0, **cfg.backbone.get("kwargs", {}))
    features = method.eval()(torch.zeros(2, 3, 32, 32))["feats"]
    assert features.shape == model.eval()(torch.zeros(2, 3, 32, 32)).shape
    assert method.features_dim == features.shape[1]


def test_a_class_of_ones_own_is_taken_with_its_arguments(own_network):
    cfg = method_cfg(backbone={"_target_": "my_networks.Net", "kwargs": {"width": 24}})
    method = build_method(prepare(cfg))
    assert method.features_dim == 24
    assert method.cfg.backbone.name == "my_networks.Net"


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ({"name": "my_networks.Nat"}, r"no class can be imported from there: .*Nat"),
        ({"name": "nowhere.Net"}, "No module named 'nowhere'"),
        ({"name": "my_networks.no_network"}, "must give a torch.nn.Module with num_features"),
        (
            {"name": "my_networks.Net", "kwargs": {"flat": False}},
            r"must return features \[N, 8\] .* it returned \(1, 8, 1, 1\)",
        ),
        (
            {"name": "resnat18"},
            r"a model of timm, or the path of a class .*did you mean 'resnet18'",
        ),
    ],
)
def test_what_is_no_backbone_is_refused(own_network, backbone, message):
    with pytest.raises(UserError, match=message):
        build_method(prepare(method_cfg(backbone=backbone)))


@pytest.mark.parametrize("name", available_hosts())
def test_a_run_with_it_is_trained_and_evaluated(name, own_network, image_folder, tmp_path):
    settings = ["backbone.name=my_networks.Net", "+backbone.kwargs.width=16", "max_epochs=1"]
    path = f"{own_network}:{tmp_path}"
    env = {"PYTHONPATH": f"{path}:{__file__.rpartition('/tests/')[0]}"}
    run = run_leoclr(
        "pretrain", *small_config(image_folder), *settings, cwd=tmp_path, host=name, **env
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (tmp_path / "trained_models" / "leoclr").iterdir()
    run = run_leoclr("knn", folder, cwd=tmp_path, host=name, **env)
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_table_still_knows_what_the_host_knows():
    table = host().BaseMethod._BACKBONES
    assert "resnet18" in table
    assert "no such network" not in table
    with pytest.raises(KeyError):
        table["no such network"]


@pytest.mark.parametrize("name", ["resnet18", "small_convnet", "vit_tiny", "resnet10t"])
def test_networks_take_other_channels(name):
    kwargs = {"img_size": 32, "patch_size": 16} if name == "vit_tiny" else {}
    network = host().BaseMethod._BACKBONES[name]("leoclr", in_chans=5, **kwargs)
    assert len(network.eval()(torch.randn(2, 5, 32, 32))) == 2
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == 5
