"""Each exported file gives the run's features when its own library reads it.

detectron2 is not installed for the tests, so a small network with its names stands in for it.
"""

import pickle
import sys

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from leoclr_plugin.commands.main import main
from leoclr_plugin.errors import UserError
from leoclr_plugin.export.formats import FORMATS, export
from leoclr_plugin.host import host
from tests.runs import run_folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def images():
    return torch.randn(5, 3, 32, 32)


@pytest.fixture(scope="module")
def expected(source, images):
    with torch.no_grad():
        return source.load_method().backbone(images)


def features(network, images):
    with torch.no_grad():
        return network.eval()(images)


def test_torchvision_loads_its_format(source, images, expected, tmp_path):
    path = export(source, "torchvision", tmp_path / "a.pth")
    network = torchvision.models.resnet18()
    network.fc = nn.Identity()
    network.load_state_dict(torch.load(path, weights_only=True))
    torch.testing.assert_close(features(network, images), expected)


def test_timm_loads_its_format(source, images, expected, tmp_path):
    path = export(source, "timm", tmp_path / "a.pth")
    network = timm.create_model("resnet18", num_classes=0, checkpoint_path=str(path))
    torch.testing.assert_close(features(network, images), expected)


def test_timm_loads_a_transformer_by_the_printed_call(tmp_path, capsys):
    size = {"backbone__name": "vit_tiny", "backbone__kwargs": {"img_size": 32}}
    source = run_folder(tmp_path / "run", **size)
    assert main(["export", str(source.folder), "--format", "timm"]) == 0
    call = capsys.readouterr().out.partition("load it with ")[2].strip()
    assert call.startswith("timm.create_model('vit_tiny_patch16_224', num_classes=0, img_size=32, ")
    network = eval(call, {"timm": timm})
    images = torch.randn(2, 3, 32, 32)
    expected = features(source.load_method().backbone, images)
    torch.testing.assert_close(features(network, images), expected)
    for form in ("torchvision", "detectron2"):
        with pytest.raises(UserError, match="vit_tiny"):
            export(source, form)


def test_timm_export_ignores_networks_that_the_host_registered(tmp_path, monkeypatch):
    entrypoints = sys.modules["timm.models._registry"]._model_entrypoints
    host_network = host().BaseMethod._BACKBONES["convnext_tiny"]
    for name in ("resnet50", "one_of_the_hosts"):
        monkeypatch.setitem(entrypoints, name, lambda **kwargs: host_network("leoclr"))
    source = run_folder(tmp_path / "run", backbone__name="convnext_tiny")
    reasons = {"resnet50": "is a different network", "one_of_the_hosts": "timm has no"}
    for name, reason in reasons.items():
        source.cfg.backbone.name = name
        with pytest.raises(UserError, match=reason):
            export(source, "timm")


def test_safetensors_has_torchvisions_names(source, images, expected, tmp_path):
    path = export(source, "safetensors", tmp_path / "a.safetensors")
    network = torchvision.models.resnet18()
    network.fc = nn.Identity()
    network.load_state_dict(load_file(path))
    torch.testing.assert_close(features(network, images), expected)


def test_onnx_runtime_runs_its_format(source, images, expected, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    path = export(source, "onnx", tmp_path / "a.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["a.onnx"]
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(["features"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(output), expected, rtol=1e-4, atol=1e-4)


class Block(nn.Module):
    """The basic block with detectron2's names: batch norm belongs to its convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.conv2 = convolution(outputs, outputs, 3, 1)
        self.shortcut = convolution(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = apply(self.conv2, apply(self.conv1, x).relu())
        return (out + (x if self.shortcut is None else apply(self.shortcut, x))).relu()


def convolution(inputs: int, outputs: int, size: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    layer.norm = nn.BatchNorm2d(outputs)
    return layer


def apply(layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    return layer.norm(layer(x))


class Detectron2ResNet18(nn.Module):
    """ResNet-18 with detectron2's names: a stem and the stages res2 to res5."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Module()
        self.stem.conv1 = convolution(3, 64, 7, 2)
        widths = (64, 64, 128, 256, 512)
        for stage in range(2, 6):
            inputs, outputs = widths[stage - 2], widths[stage - 1]
            first = Block(inputs, outputs, stride=1 if stage == 2 else 2)
            setattr(self, f"res{stage}", nn.Sequential(first, Block(outputs, outputs, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(apply(self.stem.conv1, x).relu(), 3, 2, 1)
        for stage in range(2, 6):
            x = getattr(self, f"res{stage}")(x)
        return x.mean(dim=(2, 3))


def test_detectron2_format_has_its_names(source, images, expected, tmp_path):
    content = pickle.loads(export(source, "detectron2", tmp_path / "a.pkl").read_bytes())
    network = Detectron2ResNet18()
    state = {name: torch.from_numpy(array) for name, array in content["model"].items()}
    missing = network.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
    torch.testing.assert_close(features(network, images), expected)


def test_small_stem_is_refused_for_libraries_and_kept_in_safetensors(tmp_path):
    source = run_folder(tmp_path / "run", data__dataset="cifar10")
    for form in ("timm", "torchvision", "detectron2"):
        with pytest.raises(UserError, match=r"conv1.* export it as"):
            export(source, form)
    assert sorted(path.name for path in source.folder.iterdir()) == ["args.json", "test-ep=0.ckpt"]
    assert load_file(export(source, "safetensors"))["conv1.weight"].shape == (64, 3, 3, 3)


def test_default_path_is_beside_the_checkpoint(source):
    path = export(source, "safetensors")
    assert path == source.folder / "backbone-safetensors.safetensors"
    path.unlink()
    with pytest.raises(UserError, match="is not there; make it first"):
        export(source, "timm", source.folder / "nowhere" / "a.pth")


def test_missing_onnx_is_told_with_the_command_that_installs_it(source, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"leoclr-plugin\[onnx\]"):
        export(source, "onnx")


def test_command_offers_every_format():
    from leoclr_plugin.commands.export import _USAGE

    assert set(_USAGE) == set(FORMATS)
