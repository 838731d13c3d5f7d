from torch import nn

from leoclr_plugin.training.pretrain import build_method, prepare
from tests.configs import method_cfg


def test_compile_is_of_both_encoders_and_renames_nothing(monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self), raising=False)
    names = build_method(prepare(method_cfg())).state_dict().keys()
    assert not compiled
    model = build_method(prepare(method_cfg(performance__compile=True)))
    assert [id(module) for module in compiled] == [
        id(model.backbone),
        id(model.momentum_backbone),
    ]
    assert model.state_dict().keys() == names
