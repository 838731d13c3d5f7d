"""Test that the JSON schema is current and accepts the packaged configurations."""

import json

import jsonschema
import pytest
import yaml
from omegaconf import OmegaConf
from omegaconf._utils import get_yaml_loader

from leoclr_plugin.config import load_config, scripts_folder
from leoclr_plugin.config.json_schema import json_schema

FILES = sorted(
    path
    for kind in ("pretrain", "linear", "finetune", "detect")
    for path in (scripts_folder() / kind).glob("*/*.yaml")
)
OPEN = ["data.train_path=x", "data.val_path=x"]


def errors(values) -> list[str]:
    found = jsonschema.Draft202012Validator(json_schema()).iter_errors(values)
    return [f"{error.json_path}: {error.message}" for error in found]


def composed(name: str = "imagenette/leoclr", kind: str = "pretrain", overrides=()) -> dict:
    return OmegaConf.to_container(load_config(name, kind, overrides))


def test_the_file_is_current():
    path = scripts_folder() / "leoclr.schema.json"
    remedy = "run: leoclr config schema > scripts/leoclr.schema.json"
    assert json.loads(path.read_text()) == json_schema(), remedy
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_packaged_config_names_the_schema_and_is_valid(path):
    first = path.read_text().splitlines()[0]
    comment, _, schema = first.partition("=")
    assert comment == "# yaml-language-server: $schema"
    assert (path.parent / schema).resolve() == scripts_folder() / "leoclr.schema.json"
    assert errors(composed(str(path), path.parts[-3], OPEN)) == []
    # An editor checks the file itself, before Hydra composes it.
    assert errors(yaml.load(path.read_text(), Loader=get_yaml_loader())) == []


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ("optimizer.lr=-1", "$.optimizer.lr"),
        ("+optimizer.lrr=1", "$.optimizer"),
        ("+augmentations.0.gausian_blur.prob=0.9", "$.augmentations[0]"),
        ("augmentations.1.grayscale.prob=2", "$.augmentations[1].grayscale.prob"),
        ("augmentations.1.crop_size=[32]", "$.augmentations[1].crop_size"),
        ("data.dataset=imagenete", "$.data.dataset"),
        ("data.fraction=1", "$.data.fraction"),
        ("max_epochs=0", "$.max_epochs"),
        ("devices=0", "$.devices"),
        ("+method_kwargs.querry=both", "$.method_kwargs"),
        ("method_kwargs.temperature=0", "$.method_kwargs.temperature"),
    ],
)
def test_a_mistake_is_shown_where_it_is(change, at):
    (error,) = errors(composed(overrides=[change]))
    assert error.startswith(f"{at}: ")


def test_other_methods_have_settings_of_their_own():
    overrides = ["+method_kwargs.pred_hidden_dim=64", "+deterministic=True"]
    assert errors(composed("imagenette/mocov2plus", overrides=overrides)) == []
