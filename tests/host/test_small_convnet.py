import torch

from leoclr_plugin.host import host
from leoclr_plugin.host.small_convnet import NAME
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg


def test_methods_take_it_by_its_name():
    method = METHODS["leoclr"](prepare(method_cfg(backbone__name=NAME)))
    assert method.features_dim == 64
    for size in ((32, 32), (20, 50)):
        assert method(torch.zeros(2, 3, *size))["feats"].shape == (2, 64)


def test_features_of_a_batch_are_centred():
    torch.manual_seed(0)
    network = host().BaseMethod._BACKBONES[NAME]("leoclr")
    features = network(torch.rand(16, 3, 32, 32) + 5)
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(64), atol=1e-5, rtol=0)
    assert (features.std(dim=0) > 0.9).all()
