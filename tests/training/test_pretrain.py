import pytest
import torch
from torch import nn

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import build_method, prepare
from tests.configs import method_cfg, pipeline


def test_both_encoders_are_compiled_and_no_weight_is_renamed(monkeypatch):
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


def transformer_cfg(crops, original, **kwargs):
    nodes = [pipeline(crops, 2), pipeline([original, original], crop=False)]
    kwargs |= {"img_size": 48, "patch_size": 8}
    return method_cfg(augmentations=nodes, backbone={"name": "vit_tiny", "kwargs": kwargs})


@pytest.mark.parametrize(("crops", "original", "refused"), [(32, 48, 0), (48, 32, 1)])
def test_a_transformer_refuses_views_of_another_size(crops, original, refused):
    with pytest.raises(UserError, match=rf"augmentations\[{refused}\]\.crop_size=.* 48 x 48"):
        build_method(prepare(transformer_cfg(crops, original)))


def test_a_transformer_with_dynamic_img_size_takes_views_of_several_sizes():
    pytest.importorskip("timm", minversion="0.9.8")
    model = build_method(prepare(transformer_cfg(32, 48, dynamic_img_size=True)))
    for size in (32, 48):
        assert model.backbone(torch.zeros(1, 3, size, size)).shape == (1, 192)


@pytest.mark.parametrize("missing", [{"data__val_path": None}, {"data__no_labels": True}])
def test_without_labelled_validation_images_the_online_knn_is_off(missing, capsys):
    cfg = prepare(method_cfg(knn_eval={"enabled": True}, **missing))
    assert not cfg.knn_eval.enabled
    assert "knn_eval.enabled=True needs labelled validation images" in capsys.readouterr().err
    assert prepare(method_cfg(knn_eval={"enabled": True})).knn_eval.enabled


@pytest.mark.parametrize("nodes", [[pipeline(32, 4)], [pipeline(32), pipeline(24)]])
def test_a_method_of_two_views_refuses_another_number(nodes):
    with pytest.raises(UserError, match=r"method=mocov2plus takes two views .* make [41];"):
        prepare(method_cfg("mocov2plus", augmentations=nodes))


def test_a_queue_is_refused_if_the_batch_of_all_processes_does_not_divide_it():
    def build(method: str, processes: int):
        kwargs = {"proj_hidden_dim": 8, "proj_output_dim": 4, "temperature": 0.2, "queue_size": 24}
        cfg = method_cfg(method, method_kwargs=kwargs, accelerator="cpu", devices=processes)
        return build_method(prepare(cfg))

    assert build("mocov2plus", 1).queue_size == 24
    with pytest.raises(UserError, match=r"queue_size=24 .* 16 over all processes, as mocov2plus"):
        build("mocov2plus", 2)
    build("leoclr", 2)


def test_without_channels_last_the_networks_see_images_in_channels_first():
    cfg = prepare(method_cfg(performance={"disable_channel_last": True}))
    model, seen = build_method(cfg), []
    for name in ("backbone", "momentum_backbone"):
        first = next(getattr(model, name).children())
        first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].is_contiguous()))
    images = torch.rand(4, 3, 32, 32).to(memory_format=torch.channels_last)
    model(images), model.momentum_forward(images)
    assert seen == [True, True]
