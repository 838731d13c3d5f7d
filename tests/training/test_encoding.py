"""Test what callbacks share that encode images during a training."""

import torch
from torch import nn

from leoclr_plugin.training import encoding
from leoclr_plugin.training.encoding import evaluation_mode, of_all_processes


def test_every_process_sees_the_features_of_all(monkeypatch):
    monkeypatch.setattr(encoding.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(encoding, "gather_all_tensors", lambda own: [own, own + 1])
    assert of_all_processes(torch.zeros(2, 3)).tolist() == [[0] * 3] * 2 + [[1] * 3] * 2


def test_each_module_gets_its_own_mode_back():
    model = nn.Sequential(nn.Dropout(), nn.Dropout().eval()).train()
    model[1].eval()
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False]
