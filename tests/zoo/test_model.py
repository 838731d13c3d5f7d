"""A loaded model is ready to use from either library, and its file cannot run code."""

import json
import pickle

import pytest
import torch

from leoclr_plugin import zoo as zoo_api
from leoclr_plugin.checkpoints.weights import read_weights, write_weights
from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.fetch import sha256
from tests.conftest import make_image
from tests.zoo_fixtures import NAME


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_load_gives_backbone_preprocessing_and_classes(zoo, network, library):
    model = zoo_api.load(NAME, library)
    image = model.preprocess(make_image(0, 1, (50, 70)))
    assert image.shape == (3, 32, 32)
    assert not model.backbone.training
    assert model.classes == tuple(f"class{label}" for label in range(5))
    with torch.no_grad():
        expected, features = network(image[None]), model.backbone(image[None])
    assert features.shape == (1, 512)
    # The tolerance allows for the 11 bits of half precision.
    torch.testing.assert_close(features, expected, rtol=1e-2, atol=1e-2)
    assert type(model.backbone).__module__.startswith(library)


def test_weights_are_read_as_they_were_written(tmp_path):
    state = {"a": torch.randn(3, 4), "n": torch.tensor(7), "t": torch.randn(4, 3).T}
    write_weights(state, tmp_path / "w.safetensors", {"purpose": "test"})
    read = read_weights(tmp_path / "w.safetensors")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def register(zoo, path):
    """Write the SHA-256 and the size of ``path`` into the manifest."""
    content = json.loads((zoo / "manifest.json").read_text())
    content["models"][NAME] |= {"sha256": sha256(path), "bytes": path.stat().st_size}
    (zoo / "manifest.json").write_text(json.dumps(content))


class CreatesFile:
    """Reading a pickle of this object creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_pickle_is_not_run(zoo, tmp_path):
    path, created = zoo / f"{NAME}.safetensors", tmp_path / "created"
    path.write_bytes(pickle.dumps({"weight": CreatesFile(created)}))
    with pytest.raises(UserError, match="is damaged or a different file"):
        zoo_api.load(NAME)
    register(zoo, path)
    with pytest.raises(UserError, match="cannot be read as safetensors") as error:
        zoo_api.load(NAME)
    assert "\n" not in str(error.value)
    assert not created.exists()
    # Reading it as a pickle does run the code, so the check above can fail.
    pickle.loads(path.read_bytes())
    assert created.exists()


def test_truncated_file_is_refused(zoo):
    path = zoo / f"{NAME}.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    register(zoo, path)
    with pytest.raises(UserError, match="cannot be read as safetensors"):
        zoo_api.load(NAME)


def test_unknown_library_is_refused(zoo):
    with pytest.raises(UserError, match="library=jax; it must be one of torchvision, timm"):
        zoo_api.load(NAME, library="jax")
