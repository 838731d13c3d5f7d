"""Test the files of weights as files on a disk."""

import json

import torch
from safetensors import safe_open

from leoclr_plugin.checkpoints.weights import fingerprint, write_weights


def test_the_same_weights_make_the_same_file(tmp_path):
    state = {"conv1.weight": torch.rand(4, 3), "fc.bias": torch.rand(4)}
    about = {"name": "a", "method": "leoclr", "backbone": "resnet18", "dataset": "imagenette"}
    files = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for file in files:
        write_weights(state, file, about)
    assert len({file.read_bytes() for file in files}) == 1
    with safe_open(files[0], "pt") as opened:
        assert json.loads(opened.metadata()["about"]) == about


def test_weights_have_the_usual_file_permissions(tmp_path):
    other, weights = tmp_path / "other.txt", tmp_path / "weights.safetensors"
    other.touch()
    write_weights({"fc.bias": torch.rand(4)}, weights, {})
    assert weights.stat().st_mode == other.stat().st_mode


def test_fingerprint_depends_on_names_and_values():
    state = {"weight": torch.rand(4, 3), "steps": torch.tensor(7), "half": torch.ones(2).half()}
    same = {name: value.clone() for name, value in state.items()}
    assert fingerprint(same) == fingerprint(state)
    assert len(fingerprint(state)) == 64
    same["steps"] += 1
    assert fingerprint(same) != fingerprint(state)
    assert fingerprint({"other": state["weight"]}) != fingerprint({"weight": state["weight"]})
