"""The JSON schema of the YAML configurations, with which an editor completes and checks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leoclr_plugin.config.keys import ALL, PRETRAIN, Node, about, node_of, readers, value_schemas
from leoclr_plugin.config.leoclr import LeOCLRSettings
from leoclr_plugin.config.schema import Config

# The keys of a file that only Hydra reads.
_HYDRA = {
    "defaults": {"type": "array", "description": "files that Hydra composes this one with (Hydra)"},
    "hydra": {"type": "object", "description": "settings of Hydra itself (Hydra)"},
}


def json_schema() -> dict[str, Any]:
    """Return the schema, which is the same for all folders of ``scripts``.

    No key is required, because a file may be only a part of a configuration. The top level accepts
    additional keys, which may be arguments of Lightning's Trainer. The nodes accept none.
    """
    schema = _node(Config)
    schema["properties"].update(_HYDRA)
    schema["additionalProperties"] = True
    schema["if"] = {"properties": {"method": {"const": "leoclr"}}, "required": ["method"]}
    schema["then"] = {"properties": {"method_kwargs": _node(LeOCLRSettings, (PRETRAIN,))}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A configuration of leoclr pretrain, linear, finetune or detect",
        **schema,
    }


def _node(node: type[Node], commands: Sequence[str] = ALL) -> dict[str, Any]:
    properties = {}
    for name, field in node.model_fields.items():
        inner, read_by = node_of(field), readers(field, commands)
        if inner is None:
            value = dict(value_schemas(node)[name])
        elif inner is field.annotation:
            value = _node(inner, read_by)
        else:
            value = {"type": "array", "minItems": 1, "items": _node(inner, read_by)}
        if about(field).null:
            value = {"anyOf": [value, {"type": "null"}]}
        only = "" if read_by == list(ALL) else f"; only leoclr {' and leoclr '.join(read_by)}"
        value["description"] = f"{field.description} ({about(field).of}{only})"
        if field.default is not None:
            value["default"] = field.default
        properties[name] = value
    return {"type": "object", "properties": properties, "additionalProperties": False}
