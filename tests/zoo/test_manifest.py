"""The published manifest is valid and agrees with the files beside it."""

import copy
import json
import re
from dataclasses import fields, replace

import jsonschema
import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.zoo.card import card
from leoclr_plugin.zoo.fetch import sha256
from leoclr_plugin.zoo.manifest import Entry, find_entry, read_manifest
from tests import zoo_fixtures
from tests.conftest import ROOT
from tests.hostile import NAMES, is_plain

ZOO = ROOT / "zoo"
MANIFEST = json.loads((ZOO / "manifest.json").read_text())
SCHEMA = json.loads((ZOO / "manifest.schema.json").read_text())


def test_published_manifest_follows_the_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(MANIFEST, SCHEMA)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../up.safetensors"),
        ("file", "model.pkl"),
        ("sha256", "abc"),
        ("bytes", 25_000_001),
        ("results", {}),
        ("command", ""),
        ("unknown", 1),
    ],
)
def test_schema_refuses_an_invalid_value(key, value, weights):
    valid = {"models": {zoo_fixtures.NAME: zoo_fixtures.fields(weights)}}
    jsonschema.validate(valid, SCHEMA)
    invalid = copy.deepcopy(valid)
    invalid["models"][zoo_fixtures.NAME][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(invalid, SCHEMA)


def test_entry_has_the_fields_of_the_schema():
    model = SCHEMA["$defs"]["model"]
    names = {field.name for field in fields(Entry)} - {"name"}
    assert names == set(model["properties"]) == set(model["required"])


@pytest.mark.parametrize("name", MANIFEST["models"])
def test_published_files_agree_with_the_manifest(name):
    entry = find_entry(name)
    assert sha256(ZOO / entry.file) == entry.sha256
    assert (ZOO / entry.file).stat().st_size == entry.bytes
    config = json.loads((ZOO / entry.config).read_text())
    assert config["method"] == entry.method
    assert config["max_epochs"] == entry.epochs
    assert (ZOO / f"{name}.md").read_text() == card(entry)


def test_unknown_name_is_refused_with_a_suggestion(zoo):
    assert list(read_manifest()) == [zoo_fixtures.NAME]
    with pytest.raises(UserError, match=f"did you mean '{zoo_fixtures.NAME}'"):
        find_entry("leoclr-resnet50-stripes")
    with pytest.raises(UserError, match=r"no model '\.\./x'"):
        find_entry("../x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": None}, f"{zoo_fixtures.NAME}.sha256"),
        ({"unknown": 1}, f"{zoo_fixtures.NAME}.unknown"),
        ({"config": "../up.json"}, "it must be a plain file name"),
    ],
)
def test_a_damaged_manifest_is_one_line(change, message, zoo):
    path = zoo / "manifest.json"
    content = json.loads(path.read_text())
    content["models"][zoo_fixtures.NAME] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message) as error:
        read_manifest(zoo)
    assert "\n" not in str(error.value)
    path.write_text("{}")
    with pytest.raises(UserError, match="it has no models"):
        read_manifest(zoo)


def test_a_card_is_one_table_whatever_the_manifest_says(entry):
    """Each field is in its cell or paragraph, and is no HTML and no link."""
    for text in NAMES:
        changes = dict.fromkeys(("dataset", "licence", "hardware", "limits", "command"), text)
        lines = card(replace(entry, **changes, results=entry.results)).splitlines()
        usual = card(entry).splitlines()
        assert len(lines) == len(usual)
        assert all(map(is_plain, lines))
        for line, other in zip(lines, usual, strict=True):
            if not line.startswith("    "):
                ends = [len(re.findall(r"(?<!\\)\|", text)) for text in (line, other)]
                assert ends[0] == ends[1]
                assert "<" not in line


def test_a_name_that_leads_out_of_a_folder_is_refused(entry):
    for name in ("../x", "/x", "a/b", ".hidden", "a\0b"):
        with pytest.raises(UserError, match="must be a plain file name"):
            replace(entry, name=name)
