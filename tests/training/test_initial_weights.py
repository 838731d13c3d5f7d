"""A training starts from given weights, and says how many of them it took."""

import pytest
import torch
from safetensors.torch import save_file

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import build_method, prepare
from tests.configs import method_cfg


def build(path, **changes):
    return build_method(prepare(method_cfg(backbone__weights=str(path), **changes)))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_method(prepare(method_cfg())).backbone


def other(network) -> dict[str, torch.Tensor]:
    """Return the network's weights with other values."""
    return {
        name: (value + 0.5).contiguous() if value.is_floating_point() else value + 3
        for name, value in network.state_dict().items()
    }


def forms(state):
    """Return the ways in which the files of this and of other projects hold a state."""
    return {
        "a.safetensors": state,
        "plain.pth": state,
        "run.ckpt": {"state_dict": {f"backbone.{k}": v for k, v in state.items()}, "epoch": 3},
        "moco.pth": {"state_dict": {f"module.encoder_q.{k}": v for k, v in state.items()}},
        "dino.pth": {"teacher": {f"backbone.{k}": v for k, v in state.items()}},
    }


@pytest.mark.parametrize("name", ["a.safetensors", "plain.pth", "run.ckpt", "moco.pth", "dino.pth"])
def test_both_encoders_get_the_weights(name, network, tmp_path, capsys):
    state = other(network)
    content = forms(state)[name]
    (save_file if name == "a.safetensors" else torch.save)(content, tmp_path / name)
    model = build(tmp_path / name)
    for encoder in (model.backbone, model.momentum_backbone):
        loaded = encoder.state_dict()
        assert all(torch.equal(loaded[key], value) for key, value in state.items())
    count = len(state)
    assert f"{count} of the {count} tensors of small_convnet match" in capsys.readouterr().err


def test_a_part_is_refused_unless_it_is_wanted(network, tmp_path, capsys):
    state = other(network)
    first = sorted(state)[0]
    del state[first]
    state[sorted(state)[0]] = torch.zeros(1, 2, 3)
    torch.save(state, tmp_path / "part.pth")
    count = len(network.state_dict())
    message = f"has only {count - 2} of the {count} tensors of small_convnet, and not {first}"
    with pytest.raises(UserError, match=message):
        build(tmp_path / "part.pth")
    model = build(tmp_path / "part.pth", backbone__weights_partial=True)
    last = sorted(state)[-1]
    assert torch.equal(model.backbone.state_dict()[last], state[last])
    assert f"{count - 2} of the {count} tensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a file"),
        (b"no weights", "cannot be read safely"),
        ({"conv9.weight": torch.zeros(3)}, "has none of the .* tensors of small_convnet"),
        ([torch.zeros(3)], "holds no tensors by name"),
    ],
)
def test_what_holds_no_such_weights_is_refused(content, message, tmp_path):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=message):
        build(path)


def test_timm_is_named_where_it_has_no_weights():
    with pytest.raises(UserError, match=r"timm gives no weights of small_convnet: .*name the file"):
        build("timm")
