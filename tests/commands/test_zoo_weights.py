"""``backbone.weights=zoo:NAME`` becomes the path of the model's file."""

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.commands.zoo_weights import take_zoo_file, with_zoo_files
from leoclr_plugin.errors import UserError
from tests.zoo_fixtures import NAME


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_the_name_becomes_the_files_path(plus, zoo):
    given = [f"{plus}backbone.weights=zoo:{NAME}", "seed=5", "name=zoo:x"]
    first, *others = with_zoo_files(given)
    assert first.startswith(f"{plus}backbone.weights='/")
    assert first.endswith(".safetensors'")
    assert others == given[1:]


def test_the_name_in_a_config_file_becomes_the_files_path(zoo):
    cfg = OmegaConf.create({"backbone": {"weights": f"zoo:{NAME}"}})
    take_zoo_file(cfg)
    assert cfg.backbone.weights.endswith(".safetensors")
    for weights in ("own.pth", None):
        cfg.backbone.weights = weights
        take_zoo_file(cfg)
        assert cfg.backbone.weights == weights


def test_a_name_that_is_not_in_the_zoo_is_refused(empty_zoo):
    with pytest.raises(UserError, match="nothing-of-the-kind"):
        with_zoo_files(["backbone.weights=zoo:nothing-of-the-kind"])
