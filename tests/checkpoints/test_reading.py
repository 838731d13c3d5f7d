import json
import os

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from leoclr_plugin.checkpoints.reading import (
    CheckpointFolder,
    input_size,
    load_state_dict,
    read_checkpoint,
)
from leoclr_plugin.errors import UserError
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg


class Evil:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def refused(call, *args) -> str:
    with pytest.raises(UserError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def args(**changes) -> str:
    """Return the content of a run's ``args.json``."""
    return json.dumps(OmegaConf.to_container(method_cfg(**changes)))


def test_the_last_epochs_checkpoint_is_taken(tmp_path):
    for epoch in (2, 9, 10):
        (tmp_path / f"leoclr-x-ep={epoch}.ckpt").touch()
    (tmp_path / "args.json").write_text(args())
    assert CheckpointFolder.open(tmp_path).checkpoint.name == "leoclr-x-ep=10.ckpt"
    named = CheckpointFolder.open(tmp_path / "leoclr-x-ep=9.ckpt")
    assert named.checkpoint.name == "leoclr-x-ep=9.ckpt"
    assert named.folder == tmp_path


def test_folder_without_checkpoint_or_args(tmp_path):
    assert "is not there" in refused(CheckpointFolder.open, tmp_path / "nowhere")
    assert "holds no checkpoint" in refused(CheckpointFolder.open, tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a-ep=0.ckpt").touch()
    assert f"did you mean {tmp_path}/run?" in refused(CheckpointFolder.open, tmp_path)
    assert "lacks args.json" in refused(CheckpointFolder.open, tmp_path / "run")
    for damaged in (b"{", b"\xff\xfe", b'{"name": "\x80"}', b"[]", b"null", b'{"name": "${"}'):
        (tmp_path / "run" / "args.json").write_bytes(damaged)
        assert "args.json is damaged" in refused(CheckpointFolder.open, tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        # solo-learn wrote this form before it had Hydra.
        ('{"method": "byol", "encoder": "resnet18", "dataset": "cifar10"}', "backbone.name"),
        ('{"method": "byol", "backbone": {"name": "resnet18"}, "data": 3}', "data.dataset"),
        (args(augmentations=[]), "augmentations[0].crop_size"),
    ],
)
def test_the_configuration_of_something_else_is_refused(tmp_path, content, missing):
    (tmp_path / "a-ep=0.ckpt").touch()
    (tmp_path / "args.json").write_text(content)
    assert f"args.json has no {missing}: it is not" in refused(CheckpointFolder.open, tmp_path)


def test_a_configuration_that_does_not_fit_its_method_is_refused(tmp_path):
    (tmp_path / "a-ep=0.ckpt").touch()
    (tmp_path / "args.json").write_text(args())
    # The number of classes is missing, because ``prepare`` did not fill in this configuration.
    line = refused(CheckpointFolder.open(tmp_path).load_method)
    assert line.startswith(f"{tmp_path}/args.json: ")
    assert "num_classes" in line


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "a.ckpt", tmp_path / "trace"
    torch.save({"state_dict": {"x": Evil(trace)}}, path)
    line = refused(read_checkpoint, path)
    assert line.endswith(
        f"cannot be read safely: it holds {os.mkdir.__module__}.mkdir, which is code"
    )
    assert not trace.exists()


def _saved(content, path) -> bytes:
    torch.save(content, path)
    return path.read_bytes()


def test_damaged_checkpoints_are_refused(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"x": torch.zeros(1000)}}, path)
    # Failed downloads leave such files: a part, an error page, a pointer of Git LFS, random bytes.
    rng = np.random.default_rng(0)
    damaged = [path.read_bytes()[:500], b"", b"<html>not found</html>", b"version https://git-lfs"]
    for content in [*damaged, *(rng.bytes(50) for _ in range(300))]:
        path.write_bytes(content)
        assert "cannot be read safely: it is damaged" in refused(read_checkpoint, path)
    # torch itself would take the tensor.
    whole = _saved({"state_dict": {"x": torch.ones(1000)}}, path)
    place = whole.index(torch.ones(9).numpy().tobytes())
    path.write_bytes(whole[:place] + b"\1" + whole[place + 1 :])
    assert "cannot be read safely: it is damaged" in refused(read_checkpoint, path)
    for content in ({"weights": 1}, [1], {"state_dict": [1]}, {"state_dict": {"x": 1}}):
        torch.save(content, path)
        assert "has no state_dict" in refused(read_checkpoint, path)
    assert "is not there" in refused(read_checkpoint, tmp_path / "b.ckpt")


def test_weights_of_another_architecture_or_method_are_refused(tmp_path):
    def build(**changes):
        return METHODS[changes.get("method", "leoclr")](prepare(method_cfg(**changes)))

    model = build()
    path = tmp_path / "a.ckpt"
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.device("meta"):
        other = build(backbone__name="resnet50").state_dict()
    assert "backbone" in refused(load_state_dict, model, other, path)
    simclr = build(method="simclr").state_dict()
    assert "it lacks momentum_backbone" in refused(load_state_dict, model, simclr, path)
    wider = build(method_kwargs__proj_output_dim=8).state_dict()
    assert "momentum_projector.2.bias has the shape [8], not [16]" in refused(
        load_state_dict, model, wider, path
    )
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_input_size_is_the_size_of_the_largest_view():
    assert input_size(method_cfg()) == (32, 32)
    assert input_size(method_cfg(augmentations=[{"crop_size": [24, 48]}])) == (24, 48)
    crops = {"crop_size": 24}
    assert input_size(method_cfg(augmentations=[crops, {"crop_size": [20, 40]}])) == (20, 40)
    assert input_size(method_cfg(augmentations=[{"crop_size": 28}, crops])) == (28, 28)


def test_buffers_that_a_training_adds_are_loaded(tmp_path):
    def with_queue():
        model = torch.nn.Sequential(torch.nn.Linear(2, 2))
        model.register_buffer("queue", torch.ones(3))
        return model

    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    load_state_dict(model, with_queue().state_dict(), tmp_path)
    assert model.queue.tolist() == [1, 1, 1]

    deeper = torch.nn.Sequential(torch.nn.Linear(2, 2), with_queue())
    assert "it also has 1.0.bias" in refused(
        load_state_dict, model, deeper.state_dict() | {"queue": torch.ones(3)}, tmp_path
    )

    model[0].register_buffer("encoding", None)
    filled = model.state_dict() | {"0.encoding": torch.ones(2)}
    load_state_dict(model, filled, tmp_path)
    assert model[0].encoding.tolist() == [1, 1]
