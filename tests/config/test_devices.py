import jsonschema
import pytest

from leoclr_plugin.config.devices import read_devices
from leoclr_plugin.config.json_schema import json_schema

GOOD = {
    "auto": "auto",
    " auto ": "auto",
    -1: "auto",
    "-1": "auto",
    1: 1,
    "3": 3,
    "0,1": [0, 1],
    "0, 2": [0, 2],
    "1,": [1],
    (0, 1): [0, 1],
}
BAD = [0, -2, True, 1.5, None, "", "two", "0,x", [], [0, 0], [-1], [True], ["0"], {"a": 1}]


def in_schema(value) -> bool:
    schema = json_schema()["properties"]["devices"]
    return not list(jsonschema.Draft202012Validator(schema).iter_errors(value))


@pytest.mark.parametrize(("written", "read"), GOOD.items())
def test_every_form_of_devices_is_read(written, read):
    assert read_devices(written) == read
    assert in_schema(list(written) if isinstance(written, tuple) else written)


@pytest.mark.parametrize("written", BAD)
def test_other_values_are_refused(written):
    with pytest.raises(ValueError, match="a number of devices, a list of their numbers"):
        read_devices(written)
    assert not in_schema(written)
